import { describe, expect, it } from "vitest";
import { sampleRows } from "../../test/sample-rows.ts";
import { modelFromJson, trainBoostedTrees, trainLogisticRegression, trainMlp } from "./index.ts";

interface Node {
  [key: string]: unknown;
}

/** Every place in a JSON value that holds something else than an object or a list. */
function leaves(node: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof node !== "object" || node === null) return [path];
  return Object.entries(node).flatMap(([key, value]) => leaves(value, [...path, key]));
}

function withValue(json: string, path: readonly string[], value: unknown): unknown {
  const copy = JSON.parse(json) as Node;
  const parent = path.slice(0, -1).reduce((node, key) => node[key] as Node, copy);
  parent[path.at(-1)!] = value;
  return copy;
}

const data = sampleRows(200);
const models = [
  await trainLogisticRegression({ data, label: "late" }),
  await trainMlp({ data, label: "late", hidden: [2], epochs: 1 }),
  await trainBoostedTrees({ data, label: "late", rounds: 2, maxLeaves: 3 }),
];

describe.each(models)("the saved form of a model ($kind)", (model) => {
  const json = JSON.stringify(model);

  it("is refused, by name, where a value is of another type or no float32", () => {
    for (const path of leaves(JSON.parse(json))) {
      const error = expect.objectContaining({ code: "MODEL_JSON_INVALID" });
      const ofModel = path[0] === "parameters" && !path.includes("gain");
      for (const value of ofModel ? [{}, 0.1] : [{}]) {
        expect(() => modelFromJson(withValue(json, path, value))).toThrow(error);
      }
    }
  });

  it("is refused where a list is too short", () => {
    const lists = new Set(leaves(JSON.parse(json)).map((path) => path.slice(0, -1).join("/")));
    for (const list of lists) {
      if (!list.startsWith("parameters/")) continue;
      const error = expect.objectContaining({ code: "MODEL_JSON_INVALID" });
      expect(() => modelFromJson(withValue(json, list.split("/"), []))).toThrow(error);
    }
  });
});
