import { featureNames, type View } from "../define/selection.ts";
import type { FeatureService } from "../define/service.ts";
import { dimensionsOf, type ScalarType, type ValueType } from "../define/value-type.ts";
import { featureStoreErrors } from "../errors.ts";
import { arrowMedia, jsonMedia } from "./accept.ts";
import { nearestSchemas } from "./nearest-schemas.ts";
import { hasVectors } from "./nearest.ts";
import { featureType } from "./reading-columns.ts";

/** A JSON Schema of the dialect of OpenAPI 3.1 (2020-12). */
export interface ApiSchema {
  readonly [keyword: string]: unknown;
}

/** A document by the OpenAPI Specification 3.1. */
export interface OpenApiDocument {
  readonly openapi: "3.1.0";
  readonly info: { readonly title: string; readonly version: string };
  /** Relative to where the document is. */
  readonly servers: readonly { readonly url: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, ApiSchema>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, ApiSchema>> };
}

export interface OpenApiOptions {
  readonly views: readonly View[];
  /** Those that the handler is given. @default none */
  readonly services?: readonly FeatureService[];
  /** @default "Feature store" */
  readonly title?: string;
  /** Of the interface. @default "1" */
  readonly version?: string;
}

const ref = (name: string): ApiSchema => ({ $ref: `#/components/schemas/${name}` });
const list = (items: ApiSchema): ApiSchema => ({ type: "array", items });

function record(properties: Readonly<Record<string, ApiSchema>>, required = Object.keys(properties)): ApiSchema {
  return { type: "object", properties, required, additionalProperties: false };
}

/** Beyond 2^53 an integer is text, so that no reader rounds it. */
const wide = { type: ["integer", "string", "null"], pattern: "^-?[0-9]{1,19}$" } as const;

const valueSchemas: Readonly<Record<ScalarType, ApiSchema>> = {
  float64: { anyOf: [{ type: ["number", "null"] }, { enum: ["NaN", "Infinity", "-Infinity"] }] },
  int32: { type: ["integer", "null"], minimum: -(2 ** 31), maximum: 2 ** 31 - 1 },
  int64: { ...wide, description: "A whole number; beyond 2^53 as text." },
  timestamp: { ...wide, description: "Epoch microseconds, UTC; beyond 2^53 as text." },
  boolean: { type: ["boolean", "null"] },
  string: { type: ["string", "null"] },
};

const statuses = ["PRESENT", "NULL", "EXPIRED", "NOT_FOUND", "MISSING_KEY"];
const feastStatuses = ["PRESENT", "NULL_VALUE", "NOT_FOUND", "OUTSIDE_MAX_AGE"];

/** Describes what `FeatureStore.handler` serves, with the keys, features and types of the views. */
export function openFeatureApi(options: OpenApiOptions): OpenApiDocument {
  const { views, services = [], title = "Feature store", version = "1" } = options;
  return {
    openapi: "3.1.0",
    info: { title, version },
    servers: [{ url: "." }],
    paths: {
      "/read": {
        post: operation("read", "Reads features of entities", "ReadRequest", {
          [jsonMedia]: { schema: ref("ReadResponse") },
          [arrowMedia]: {
            schema: {
              description:
                "An Arrow IPC stream of a row per entity: of each feature its value, `<feature>@status` and `<feature>@age_ms`.",
            },
          },
        }),
      },
      "/get-online-features": {
        post: operation("getOnlineFeatures", "Reads features in the shape of Feast", "FeastRequest", {
          [jsonMedia]: { schema: ref("FeastResponse") },
        }),
      },
      ...(views.some(hasVectors) ? { "/nearest": { post: nearestOperation } } : {}),
      "/openapi.json": {
        get: {
          operationId: "openapi",
          summary: "This document",
          responses: { 200: { description: "The document", content: { [jsonMedia]: { schema: { type: "object" } } } } },
        },
      },
    },
    components: { schemas: schemas(views, services) },
  };
}

function operation(
  operationId: string,
  summary: string,
  body: string,
  content: Readonly<Record<string, ApiSchema>>,
): ApiSchema {
  const failed = { description: "What was wrong, and what to do", content: { [jsonMedia]: { schema: ref("Error") } } };
  return {
    operationId,
    summary,
    parameters: [
      {
        name: "x-request-id",
        in: "header",
        required: false,
        description: "Names the read in logs.",
        schema: { type: "string", maxLength: 200 },
      },
    ],
    requestBody: { required: true, content: { [jsonMedia]: { schema: ref(body) } } },
    responses: { 200: { description: "What was found", content }, default: failed },
  };
}

const nearestOperation = operation("nearest", "Finds the entities whose vectors are nearest", "NearestRequest", {
  [jsonMedia]: { schema: ref("NearestResponse") },
});

function schemas(views: readonly View[], services: readonly FeatureService[]): Record<string, ApiSchema> {
  const everything = [...views, ...services.flatMap((service) => service.views)];
  const names = everything.flatMap((view) => featureNames(view).map((feature) => `${view.name}:${feature}`));
  const selectors = [...new Set([...names, ...views.map(({ name }) => `${name}:*`)])];
  const features = { type: "array", minItems: 1, items: { enum: selectors } };
  const service = services.length === 0 ? { not: {} } : { enum: services.map(({ name }) => name) };
  const given = Object.entries(givenSchemas(everything));
  const type = (name: string): ValueType => featureType(everything, name);
  return {
    EntityRow: { type: "object", properties: Object.fromEntries(given) },
    ReadRequest: {
      ...record(
        {
          entities: list(ref("EntityRow")),
          features,
          service,
          at: { type: "integer", description: "Epoch milliseconds." },
          types: { type: "boolean", default: false, description: "Whether to tell the type of each feature." },
        },
        ["entities"],
      ),
      oneOf: [{ required: ["features"] }, { required: ["service"] }],
    },
    ReadResponse: record(
      {
        rows: list(record(Object.fromEntries(names.map((name) => [name, readingOf(type(name))])), [])),
        types: { type: "object", additionalProperties: { type: "string" } },
      },
      ["rows"],
    ),
    ...Object.fromEntries(Object.entries(valueSchemas).map(([name, value]) => [`Reading_${name}`, reading(value)])),
    FeastRequest: {
      type: "object",
      properties: {
        entities: {
          type: "object",
          properties: Object.fromEntries(given.map(([name, schema]) => [name, list(schema)])),
          additionalProperties: { type: "array" },
        },
        features: { anyOf: [features, { type: "array", maxItems: 0 }, { type: "null" }] },
        feature_service: { anyOf: [service, { type: "null" }] },
        full_feature_names: { type: ["boolean", "null"], default: false },
      },
      required: ["entities"],
      oneOf: [
        { required: ["features"], properties: { features } },
        { required: ["feature_service"], properties: { feature_service: service } },
      ],
    },
    FeastResponse: record({
      metadata: record({ feature_names: list({ type: "string" }) }),
      results: list(
        record({
          values: { type: "array" },
          statuses: list({ enum: feastStatuses }),
          event_timestamps: list({ type: "string", format: "date-time" }),
        }),
      ),
    }),
    ...nearestSchemas(views),
    Error: record({
      error: record({
        code: { type: "string", examples: Object.keys(featureStoreErrors) },
        message: { type: "string" },
        retryable: { type: "boolean" },
        details: { type: "object" },
      }),
    }),
  };
}

const reading = (value: ApiSchema): ApiSchema =>
  record({ status: { enum: statuses }, value, ageMs: { type: ["number", "null"], minimum: 0 } });

function readingOf(type: ValueType): ApiSchema {
  const dimensions = dimensionsOf(type);
  if (dimensions === undefined) return ref(`Reading_${type}`);
  const items = { type: "number" };
  return reading({ type: ["array", "null"], items, minItems: dimensions, maxItems: dimensions });
}

/** Keys and inputs, each with what it may be: views may have one name for columns of several types. */
function givenSchemas(views: readonly View[]): Record<string, ApiSchema> {
  const types = new Map<string, Set<ScalarType>>();
  for (const view of views) {
    const columns =
      view.kind === "view" ? view.keys.map(({ name, type }) => [name, type] as const) : inputs(view.input);
    for (const [name, type] of columns) types.set(name, (types.get(name) ?? new Set()).add(type));
  }
  const either = (of: ReadonlySet<ScalarType>): ApiSchema => {
    const [first, ...others] = [...of].map((type) => valueSchemas[type]);
    return others.length === 0 ? (first ?? {}) : { anyOf: [first, ...others] };
  };
  return Object.fromEntries([...types].map(([name, of]) => [name, either(of)]));
}

const inputs = (input: Readonly<Record<string, ScalarType>>): (readonly [string, ScalarType])[] =>
  Object.entries(input);
