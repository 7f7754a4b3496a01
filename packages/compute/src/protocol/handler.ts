import { isAshlarError } from "@ashlar/core";
import { type Context, Hono } from "hono";

import { computeError } from "../errors.ts";
import { invalidOption } from "../infer/options.ts";
import type { InferenceServer, ModelInfo } from "../infer/server.ts";
import type { TensorSpec } from "../infer/tensor.ts";
import { readBody } from "./body.ts";
import { datatypeOf } from "./datatypes.ts";
import { readInferRequest } from "./infer-request.ts";
import { writeInferResponse } from "./infer-response.ts";

export interface ProtocolOptions {
  /** Bytes of a request body at most, unpacked. Default 64 MiB. */
  readonly maxBodyBytes?: number;
  /** What `GET /v2` names the server. Default `ashlar`. */
  readonly serverName?: string;
  /** What `GET /v2` gives as its version. Default `0.1.0`. */
  readonly serverVersion?: string;
}

/** What the handler needs of a server. */
export type ProtocolServer = Pick<InferenceServer, "infer" | "models">;

/**
 * The Open Inference Protocol v2 over HTTP, with the binary tensor extension, as a fetch-shaped handler. A client that
 * goes away takes its waiting request back.
 *
 * Errors are `{ "error": message }`; the statuses follow Triton: 400, 404, 500, 501, 503, and 413 for a body too large.
 *
 * @see https://github.com/kserve/open-inference-protocol
 */
export function createProtocolHandler(
  server: ProtocolServer,
  options: ProtocolOptions = {},
): (request: Request) => Promise<Response> {
  const { maxBodyBytes = 64 * 2 ** 20, serverName = "ashlar", serverVersion = "0.1.0" } = options;
  if (!Number.isSafeInteger(maxBodyBytes) || maxBodyBytes < 1) {
    throw invalidOption("maxBodyBytes", maxBodyBytes, "a whole number of bytes, 1 or more");
  }
  const app = new Hono({ strict: false });

  app.get("/v2", (context) =>
    context.json({ name: serverName, version: serverVersion, extensions: ["binary_tensor_data"] }),
  );
  app.get("/v2/health/live", (context) => context.json({ live: true }));
  app.get("/v2/health/ready", (context) => {
    const ready = server.models().every((model) => model.ready);
    return context.json({ live: true, ready }, ready ? 200 : 503);
  });

  for (const path of ["/v2/models/:model", "/v2/models/:model/versions/:version"]) {
    app.get(path, (context) => context.json(metadata(findModel(server, context))));
    app.get(`${path}/ready`, (context) => {
      const { name, ready } = findModel(server, context);
      return context.json({ name, ready }, ready ? 200 : 503);
    });
    app.post(`${path}/infer`, async (context) => {
      findModel(server, context);
      const request = context.req.raw;
      const jsonLength = jsonLengthOf(request);
      const body = await readBody(request, maxBodyBytes);
      // A swap may have happened while the body arrived; from here to the queue nothing waits.
      const model = findModel(server, context);
      const message = readInferRequest(body, jsonLength, model);
      const outputs = await server.infer(model.name, message.inputs, {
        signal: request.signal,
        version: model.version,
        ...(message.deadlineMs === null ? {} : { deadlineMs: message.deadlineMs }),
        ...(message.priority === null ? {} : { priority: message.priority }),
      });
      const { name, version } = model;
      return writeInferResponse({ model: name, version, id: message.id, requested: message.outputs, outputs });
    });
  }

  app.notFound((context) => {
    const error = `There is no ${context.req.method} ${context.req.path} in the Open Inference Protocol. See GET /v2.`;
    return context.json({ error }, 404);
  });
  app.onError((error) => errorResponse(error));
  return async (request) => app.fetch(request);
}

function findModel(server: ProtocolServer, context: Context): ModelInfo {
  const name = context.req.param("model") ?? "";
  const version = context.req.param("version");
  const models = server.models();
  const found = models.find((model) => model.name === name && (version ?? model.version) === model.version);
  if (found !== undefined) return found;
  const loaded = models.map((model) => `"${model.name}" version ${model.version}`).join(", ") || "(none is loaded)";
  const wanted = version === undefined ? JSON.stringify(name) : `${JSON.stringify(name)} version ${version}`;
  throw computeError("MODEL_NOT_FOUND", { model: wanted, loaded });
}

function metadata(model: ModelInfo): unknown {
  const tensor = (spec: TensorSpec): unknown => ({
    name: spec.name,
    datatype: datatypeOf(spec.type),
    shape: spec.shape.map((length) => length ?? -1),
  });
  return {
    name: model.name,
    versions: [model.version],
    platform: "onnx_onnxv1",
    inputs: model.inputs.map(tensor),
    outputs: model.outputs.map(tensor),
  };
}

function jsonLengthOf(request: Request): number | null {
  const header = request.headers.get("inference-header-content-length");
  if (header === null) return null;
  if (/^\d{1,15}$/.test(header)) return Number(header);
  const what = `Inference-Header-Content-Length is ${JSON.stringify(header)}`;
  throw computeError("PROTOCOL_REQUEST_INVALID", { what, rule: "it is the length of the JSON in bytes" });
}

function errorResponse(error: unknown): Response {
  if (!isAshlarError(error)) {
    return Response.json({ error: "The server failed to answer this request." }, { status: 500 });
  }
  const headers = error.retryable ? { "retry-after": "1" } : undefined;
  return Response.json({ error: error.message }, { status: error.status, ...(headers && { headers }) });
}
