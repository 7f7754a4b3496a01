import type { WorkerInferenceServer } from "../infer/inference-server.ts";
import type { ModelFigures } from "../infer/figures.ts";
import { prometheusMetrics } from "../infer/metrics.ts";
import type { Servable } from "../infer/servable.ts";
import type { TensorSpec } from "../infer/tensor.ts";
import { Codec } from "./codec.ts";
import { modelConfiguration } from "./configuration.ts";
import { datatypeOf } from "./datatypes.ts";
import { decodePart, errorReply, jsonReply, type ProtocolReply, type ProtocolRequest } from "./exchange.ts";
import { answerGenerate } from "./generate.ts";
import { answerInfer } from "./infer.ts";
import type { ResolvedProtocolOptions } from "./options.ts";
import { answerRepository } from "./repository-extension.ts";
import { modelStatistics } from "./statistics-extension.ts";

/** Names of the extensions, as Triton gives them. */
export const protocolExtensions: readonly string[] = [
  "binary_tensor_data",
  "classification",
  "generate",
  "model_configuration",
  "model_repository",
  "model_repository(unload_dependents)",
  "parameters",
  "schedule_policy",
  "sequence",
  "statistics",
];

export interface RouterContext {
  readonly server: WorkerInferenceServer;
  readonly options: ResolvedProtocolOptions;
  readonly codec: Codec;
}

/** Answers requests of the protocol, each once: an error is an answer too. */
export type Router = (request: ProtocolRequest, respond: (reply: ProtocolReply) => void) => void;

export function createRouter(server: WorkerInferenceServer, options: ResolvedProtocolOptions): Router {
  const context = { server, options, codec: new Codec(options, server.buffers) };
  return (request, respond) => {
    // Nearly all requests are of this form; the others take their time.
    const plain = request.method === "POST" ? /^\/v2\/models\/([\w.-]+)\/infer$/.exec(request.path)?.[1] : undefined;
    if (plain === undefined) void route(context, request).catch(errorReply).then(respond);
    else answerInfer(context, request, { name: plain, version: undefined }, respond);
  };
}

/** The answer as a promise, which never rejects. */
export function replyOf(answer: Router, request: ProtocolRequest): Promise<ProtocolReply> {
  return new Promise((respond) => answer(request, respond));
}

async function route(context: RouterContext, request: ProtocolRequest): Promise<ProtocolReply> {
  const { method, path } = request;
  const parts = path.split("/");
  if (parts.at(-1) === "") parts.pop();
  const read = method === "GET" || method === "HEAD";
  if (parts[0] !== "" || parts[1] !== "v2") {
    return read && path === "/metrics" ? metricsReply(context) : notFound(request);
  }
  if (parts[2] === "models" && parts[3] !== undefined) return routeModel(context, request, parts, read);
  if (parts[2] === "repository" && method === "POST") {
    return (await answerRepository(context, request, parts)) ?? notFound(request);
  }
  if (!read) return notFound(request);
  switch (parts.slice(2).join("/")) {
    case "": {
      const { serverName: name, serverVersion: version } = context.options;
      return jsonReply({ name, version, extensions: protocolExtensions });
    }
    case "health/live":
      return jsonReply({ live: true });
    case "health/ready": {
      const others = context.options.cluster?.ready ?? true;
      const ready = others && context.server.models().every((model) => model.ready);
      return jsonReply({ live: true, ready }, ready ? 200 : 503);
    }
    case "models/stats":
      return jsonReply(modelStatistics(await figuresOf(context)));
    default:
      return notFound(request);
  }
}

async function routeModel(
  context: RouterContext,
  request: ProtocolRequest,
  parts: readonly string[],
  read: boolean,
): Promise<ProtocolReply> {
  const { server } = context;
  const model = decodePart(parts[3] ?? "");
  const versioned = parts[4] === "versions" && parts[5] !== undefined;
  const version = versioned ? decodePart(parts[5] ?? "") : undefined;
  const action = parts.slice(versioned ? 6 : 4).join("/");
  if (request.method === "POST") {
    if (action === "infer") {
      return new Promise((respond) => answerInfer(context, request, { name: model, version }, respond));
    }
    if (action === "generate" || action === "generate_stream") {
      return answerGenerate(context, request, model, version, action === "generate_stream");
    }
  }
  if (!read) return notFound(request);
  if (model === "stats" && action === "") return jsonReply(modelStatistics(await figuresOf(context)));
  switch (action) {
    case "":
      return jsonReply(metadata(server, await describedModel(server, model, version)));
    case "ready": {
      const ready = isReady(server, model, version);
      return jsonReply({ name: model, ready }, ready ? 200 : 503);
    }
    case "stats":
      server.peek(model, version);
      return jsonReply(modelStatistics(await figuresOf(context), model, version));
    case "config":
      return jsonReply(modelConfiguration(await describedModel(server, model, version)));
    default:
      return notFound(request);
  }
}

/** A model that sleeps is ready to be asked. A probe neither wakes a model nor keeps it awake. @throws MODEL_NOT_FOUND */
export function isReady(server: WorkerInferenceServer, name: string, version?: string): boolean {
  return (server.peek(name, version)?.liveInstances ?? 1) > 0;
}

/** To be described: only a model that sleeps is woken for it. @throws MODEL_NOT_FOUND */
export async function describedModel(server: WorkerInferenceServer, name: string, version?: string): Promise<Servable> {
  return server.peek(name, version) ?? server.find(name, version);
}

export function metadata(server: WorkerInferenceServer, model: Servable): unknown {
  const tensor = (spec: TensorSpec): unknown => ({
    name: spec.name,
    datatype: datatypeOf(spec.type),
    shape: spec.shape.map((length) => length ?? -1),
  });
  const { inputs, outputs } = model.signature;
  return {
    name: model.name,
    versions: [...(server.entry(model.name)?.versions.keys() ?? [model.version])],
    platform: model.ensemble === null ? "onnx_onnxv1" : "ensemble",
    inputs: inputs.map(tensor),
    outputs: outputs.map(tensor),
  };
}

async function metricsReply(context: RouterContext): Promise<ProtocolReply> {
  const body = prometheusMetrics(await figuresOf(context));
  return { status: 200, headers: { "content-type": "text/plain; version=0.0.4" }, body };
}

function figuresOf({ server, options }: RouterContext): readonly ModelFigures[] | Promise<readonly ModelFigures[]> {
  return options.cluster === null ? server.figures() : options.cluster.figures();
}

function notFound({ method, path }: ProtocolRequest): ProtocolReply {
  const error = `There is no ${method} ${path.slice(0, 200)} in the Open Inference Protocol. See GET /v2.`;
  return jsonReply({ error }, 404);
}
