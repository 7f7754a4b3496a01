import { datatypeNames } from "./datatypes.ts";

/** The part of JSON Schema that the document uses. */
export interface JsonSchema {
  readonly $ref?: string;
  readonly type?: "object" | "array" | "string" | "integer" | "number" | "boolean";
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly items?: JsonSchema;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: boolean;
  readonly description?: string;
}

export interface OpenApiContent {
  readonly [mediaType: string]: { readonly schema: JsonSchema };
}

export interface OpenApiOperation {
  readonly operationId: string;
  readonly summary: string;
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: "path" | "header";
    readonly required: boolean;
    readonly schema: JsonSchema;
  }[];
  readonly requestBody?: { readonly required: boolean; readonly content: OpenApiContent };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content: OpenApiContent }>>;
}

export interface OpenApiDocument {
  readonly openapi: "3.1.0";
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Partial<Record<"get" | "post", OpenApiOperation>>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> };
}

const string: JsonSchema = { type: "string" };
const boolean: JsonSchema = { type: "boolean" };
const parameters: JsonSchema = { type: "object" };
const ref = (name: string): JsonSchema => ({ $ref: `#/components/schemas/${name}` });
const array = (items: JsonSchema): JsonSchema => ({ type: "array", items });
const json = (schema: JsonSchema): OpenApiContent => ({ "application/json": { schema } });

function object(
  required: Readonly<Record<string, JsonSchema>>,
  optional: Readonly<Record<string, JsonSchema>> = {},
): JsonSchema {
  return {
    type: "object",
    required: Object.keys(required),
    properties: { ...required, ...optional },
    additionalProperties: false,
  };
}

const datatype: JsonSchema = { type: "string", enum: datatypeNames };
const shape = array({ type: "integer", minimum: 0 });
const metadataTensor = object({ name: string, datatype, shape: array({ type: "integer", minimum: -1 }) });
const requestTensor = object(
  { name: string, datatype, shape },
  { data: { type: "array", description: "Flat or nested, row-major." }, parameters },
);

const schemas: Readonly<Record<string, JsonSchema>> = {
  Error: object({ error: string }),
  ServerMetadata: object({ name: string, version: string, extensions: array(string) }),
  Live: object({ live: boolean }),
  Ready: object({ live: boolean, ready: boolean }),
  ModelReady: object({ name: string, ready: boolean }),
  ModelMetadata: object({
    name: string,
    versions: array(string),
    platform: string,
    inputs: array(metadataTensor),
    outputs: array(metadataTensor),
  }),
  InferenceRequest: object(
    { inputs: array(requestTensor) },
    { id: string, parameters, outputs: array(object({ name: string }, { parameters })) },
  ),
  InferenceResponse: object(
    {
      model_name: string,
      outputs: array(object({ name: string, shape, datatype }, { data: { type: "array" }, parameters })),
    },
    { model_version: string, id: string, parameters },
  ),
};

function responses(schema: string, errors: readonly string[]): OpenApiOperation["responses"] {
  const failed = errors.map(
    (status) => [status, { description: "Not answered.", content: json(ref("Error")) }] as const,
  );
  return { "200": { description: "Answered.", content: json(ref(schema)) }, ...Object.fromEntries(failed) };
}

const bytes: OpenApiContent = {
  "application/octet-stream": { schema: { type: "string", description: "JSON, then binary tensors." } },
};

function modelPaths(path: string, names: readonly string[], suffix: string): OpenApiDocument["paths"] {
  const inPath = names.map((name) => ({ name, in: "path", required: true, schema: string }) as const);
  const notReady = { description: "Not ready.", content: json(ref("ModelReady")) };
  const inferred = responses("InferenceResponse", ["400", "404", "413", "500", "501", "503"]);
  return {
    [path]: {
      get: {
        operationId: `modelMetadata${suffix}`,
        summary: "What the model takes and gives.",
        parameters: inPath,
        responses: responses("ModelMetadata", ["404"]),
      },
    },
    [`${path}/ready`]: {
      get: {
        operationId: `modelReady${suffix}`,
        summary: "Whether the model answers.",
        parameters: inPath,
        responses: { ...responses("ModelReady", ["404"]), "503": notReady },
      },
    },
    [`${path}/infer`]: {
      post: {
        operationId: `infer${suffix}`,
        summary: "Runs the model.",
        parameters: [
          ...inPath,
          {
            name: "Inference-Header-Content-Length",
            in: "header",
            required: false,
            schema: { type: "integer", minimum: 0, description: "Bytes of JSON before the binary tensors." },
          },
        ],
        requestBody: { required: true, content: { ...json(ref("InferenceRequest")), ...bytes } },
        responses: {
          ...inferred,
          "200": { description: "Answered.", content: { ...json(ref("InferenceResponse")), ...bytes } },
        },
      },
    },
  };
}

/** The OpenAPI document of what `createProtocolHandler` answers. */
export const openInferenceApi: OpenApiDocument = {
  openapi: "3.1.0",
  info: { title: "Open Inference Protocol v2", version: "2.0" },
  paths: {
    "/v2": {
      get: {
        operationId: "serverMetadata",
        summary: "Name, version and extensions.",
        responses: responses("ServerMetadata", []),
      },
    },
    "/v2/health/live": {
      get: { operationId: "serverLive", summary: "Whether the server answers.", responses: responses("Live", []) },
    },
    "/v2/health/ready": {
      get: {
        operationId: "serverReady",
        summary: "Whether every loaded model answers.",
        responses: {
          ...responses("Ready", []),
          "503": { description: "A model is not ready.", content: json(ref("Ready")) },
        },
      },
    },
    ...modelPaths("/v2/models/{model}", ["model"], ""),
    ...modelPaths("/v2/models/{model}/versions/{version}", ["model", "version"], "Version"),
  },
  components: { schemas },
};
