import { featureNames, type View } from "../define/selection.ts";
import { dimensionsOf } from "../define/value-type.ts";
import { metrics } from "../nearest/metric.ts";
import type { ApiSchema } from "./openapi.ts";
import { hasVectors } from "./nearest.ts";

const object = (properties: Readonly<Record<string, ApiSchema>>, required: readonly string[]): ApiSchema => ({
  type: "object",
  properties,
  required,
  additionalProperties: false,
});

/** The request and the answer of `POST /nearest`; none where no view has vectors. */
export function nearestSchemas(views: readonly View[]): Readonly<Record<string, ApiSchema>> {
  const able = views.filter(hasVectors);
  if (able.length === 0) return {};
  const vectors = able.flatMap(({ features }) =>
    Object.entries(features).flatMap(([name, { type }]) => (dimensionsOf(type) === undefined ? [] : [name])),
  );
  const score = { anyOf: [{ type: "number" }, { enum: ["NaN", "Infinity", "-Infinity"] }] };
  const typed = { type: "object", additionalProperties: { type: "string" } };
  const neighbour = object(
    {
      entity: { type: ["object", "null"], description: "By key; null for a key that is kept as its digest." },
      score,
      ageMs: { type: "number", minimum: 0 },
      values: { type: "object", description: "What is stored of the entity, by feature." },
    },
    ["entity", "score", "ageMs", "values"],
  );
  return {
    NearestRequest: object(
      {
        view: { enum: able.map(({ name }) => name) },
        vector: { type: "array", minItems: 1, items: { type: "number" } },
        k: { type: "integer", minimum: 1 },
        metric: { enum: metrics, default: "cosine" },
        feature: { enum: [...new Set(vectors)], description: "Which vector of the view, where it has several." },
        values: {
          type: "array",
          items: { enum: [...new Set(able.flatMap(featureNames))] },
          description: "Default all.",
        },
        at: { type: "integer", description: "Epoch milliseconds." },
      },
      ["view", "vector", "k"],
    ),
    NearestResponse: object({ neighbours: { type: "array", items: neighbour }, keys: typed, types: typed }, [
      "neighbours",
      "keys",
      "types",
    ]),
  };
}
