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

const count: JsonSchema = { type: "integer", minimum: 0 };
const duration = object({ count, ns: count });
const configurationTensor = object({ name: string, data_type: string, dims: array({ type: "integer", minimum: -1 }) });

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
  Statistics: object({
    model_stats: array(
      object({
        name: string,
        version: string,
        last_inference: count,
        inference_count: count,
        execution_count: count,
        inference_stats: object(
          Object.fromEntries(
            [
              "success",
              "fail",
              "queue",
              "compute_input",
              "compute_infer",
              "compute_output",
              "cache_hit",
              "cache_miss",
            ].map((name) => [name, duration]),
          ),
        ),
        batch_stats: array(
          object({ batch_size: count, compute_input: duration, compute_infer: duration, compute_output: duration }),
        ),
      }),
    ),
  }),
  Configuration: object(
    {
      name: string,
      platform: string,
      backend: string,
      max_batch_size: count,
      input: array(configurationTensor),
      output: array(configurationTensor),
      instance_group: array(object({ kind: string, count })),
    },
    { dynamic_batching: parameters, response_cache: parameters },
  ),
  RepositoryIndex: array(
    object({
      name: string,
      version: string,
      state: { type: "string", enum: ["READY", "UNAVAILABLE", "LOADING", "UNLOADING"] },
      reason: string,
    }),
  ),
  RepositoryRequest: object({}, { parameters, ready: boolean }),
  Empty: object({}),
  GenerateRequest: { type: "object", description: "Inputs by name." },
  GenerateResponse: { type: "object", required: ["model_name", "model_version"], description: "Outputs by name." },
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

const inferErrors = ["400", "404", "408", "413", "500", "501", "503"] as const;

function modelPaths(path: string, names: readonly string[], suffix: string): OpenApiDocument["paths"] {
  const inPath = names.map((name) => ({ name, in: "path", required: true, schema: string }) as const);
  const notReady = { description: "Not ready.", content: json(ref("ModelReady")) };
  const inferred = responses("InferenceResponse", inferErrors);
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
    [`${path}/stats`]: {
      get: {
        operationId: `modelStatistics${suffix}`,
        summary: "What the model has done.",
        parameters: inPath,
        responses: responses("Statistics", ["404"]),
      },
    },
    [`${path}/config`]: {
      get: {
        operationId: `modelConfiguration${suffix}`,
        summary: "How the model is served.",
        parameters: inPath,
        responses: responses("Configuration", ["404"]),
      },
    },
    [`${path}/generate`]: {
      post: {
        operationId: `generate${suffix}`,
        summary: "Runs the model on inputs given as plain values.",
        parameters: inPath,
        requestBody: { required: true, content: json(ref("GenerateRequest")) },
        responses: responses("GenerateResponse", inferErrors),
      },
    },
    [`${path}/generate_stream`]: {
      post: {
        operationId: `generateStream${suffix}`,
        summary: "The same as server-sent events.",
        parameters: inPath,
        requestBody: { required: true, content: json(ref("GenerateRequest")) },
        responses: {
          ...responses("GenerateResponse", inferErrors),
          "200": { description: "Answered.", content: { "text/event-stream": { schema: string } } },
        },
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

function repositoryPath(action: "load" | "unload", summary: string): OpenApiDocument["paths"] {
  return {
    [`/v2/repository/models/{model}/${action}`]: {
      post: {
        operationId: `${action}Model`,
        summary,
        parameters: [{ name: "model", in: "path", required: true, schema: string }],
        requestBody: { required: false, content: json(ref("RepositoryRequest")) },
        responses: responses("Empty", ["400", "404", "409", "501", "503"]),
      },
    },
  };
}

/** The OpenAPI document of what `InferenceServer.handler` answers. */
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
    "/v2/models/stats": {
      get: {
        operationId: "statistics",
        summary: "What every model has done.",
        responses: responses("Statistics", []),
      },
    },
    "/v2/repository/index": {
      post: {
        operationId: "repositoryIndex",
        summary: "Every model version of the repository.",
        requestBody: { required: false, content: json(ref("RepositoryRequest")) },
        responses: responses("RepositoryIndex", ["400"]),
      },
    },
    ...repositoryPath("load", "Loads a model, or takes in its changes."),
    ...repositoryPath("unload", "Unloads a model."),
    ...modelPaths("/v2/models/{model}", ["model"], ""),
    ...modelPaths("/v2/models/{model}/versions/{version}", ["model", "version"], "Version"),
  },
  components: { schemas },
};
