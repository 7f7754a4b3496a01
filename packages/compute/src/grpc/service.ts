import { isAshlarError } from "@ashlar/core";

import type { WorkerInferenceServer } from "../infer/inference-server.ts";
import { answered, type Caller } from "../infer/pending-request.ts";
import { prepareTensors } from "../infer/request.ts";
import { modelConfiguration } from "../protocol/configuration.ts";
import { inferAnswer, inferOptions } from "../protocol/infer.ts";
import { type ProtocolOptions, resolveProtocolOptions, type ResolvedProtocolOptions } from "../protocol/options.ts";
import { loadModel, repositoryIndex, requireControl } from "../protocol/repository-extension.ts";
import { describedModel, isReady, metadata, protocolExtensions } from "../protocol/router.ts";
import { modelStatistics } from "../protocol/statistics-extension.ts";
import { plain, readInferMessage, writeInferMessage } from "./infer-messages.ts";
import * as messages from "./messages.ts";
import { serveStream, type StreamCall } from "./stream.ts";
import { decodeMessage, encodeMessage, type Message, type MessageSchema } from "./wire.ts";

/** The part of a call of `@grpc/grpc-js` that is used. */
export interface UnaryCall {
  readonly request: Message;
  readonly cancelled: boolean;
  getDeadline(): Date | number;
  on(event: "cancelled", listener: () => void): unknown;
}

export interface GrpcError {
  /** A status code of gRPC. */
  readonly code: number;
  readonly details: string;
}

export type UnaryHandler = (call: UnaryCall, callback: (error: GrpcError | null, value?: Message) => void) => void;

export interface GrpcMethod {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestSerialize: (message: Message) => Buffer;
  readonly requestDeserialize: (bytes: Uint8Array) => Message;
  readonly responseSerialize: (message: Message) => Buffer;
  readonly responseDeserialize: (bytes: Uint8Array) => Message;
}

/** What `addService` of a server of `@grpc/grpc-js` takes. */
export interface GrpcService {
  readonly definition: Readonly<Record<string, GrpcMethod>>;
  readonly implementation: {
    readonly [method: string]: UnaryHandler | ((call: StreamCall) => void);
  };
}

type Answer = (request: Message, call: UnaryCall) => Message | Promise<Message>;

/** The messages of each method, both ways. */
const methods: Readonly<Record<string, readonly [request: MessageSchema, response: MessageSchema]>> = {
  ServerLive: [messages.empty, messages.live],
  ServerReady: [messages.empty, messages.ready],
  ModelReady: [messages.modelName, messages.ready],
  ServerMetadata: [messages.empty, messages.serverMetadata],
  ModelMetadata: [messages.modelName, messages.modelMetadata],
  ModelInfer: [messages.inferRequest, messages.inferResponse],
  ModelStreamInfer: [messages.inferRequest, messages.streamResponse],
  ModelConfig: [messages.modelName, messages.configResponse],
  ModelStatistics: [messages.modelName, messages.statisticsResponse],
  RepositoryIndex: [messages.indexRequest, messages.indexResponse],
  RepositoryModelLoad: [messages.repositoryRequest, messages.empty],
  RepositoryModelUnload: [messages.repositoryRequest, messages.empty],
};

/**
 * `inference.GRPCInferenceService` for a server of `@grpc/grpc-js`, which stays yours to make and to bind:
 * `grpcServer.addService(definition, implementation)`.
 *
 * @throws INFERENCE_OPTION_INVALID
 */
export function grpcService(server: WorkerInferenceServer, options: ProtocolOptions = {}): GrpcService {
  const context = { server, options: resolveProtocolOptions(options) };
  const definition = Object.fromEntries(
    Object.entries(methods).map(([name, schemas]) => [name, method(name, schemas)]),
  );
  const unary = Object.entries(answers(context)).map(([name, answer]) => [name, handler(answer)] as const);
  const stream = (call: StreamCall): void =>
    serveStream(call, async (request, signal) => {
      const broken = request[unreadable];
      if (broken !== undefined) throw new Error(String(broken));
      return inferMessage(server, request, { signal }, undefined);
    });
  return { definition, implementation: { ...Object.fromEntries(unary), ModelStreamInfer: stream } };
}

function method(name: string, [request, response]: readonly [MessageSchema, MessageSchema]): GrpcMethod {
  const stream = name === "ModelStreamInfer";
  return {
    path: `/inference.GRPCInferenceService/${name}`,
    requestStream: stream,
    responseStream: stream,
    requestSerialize: (message) => encodeMessage(request, message),
    // What cannot be read is told by the handler, as an error of the client.
    requestDeserialize: (bytes) => {
      try {
        return decodeMessage(request, bytes);
      } catch (error) {
        return { [unreadable]: (error as Error).message };
      }
    },
    responseSerialize: (message) => encodeMessage(response, message),
    responseDeserialize: (bytes) => decodeMessage(response, bytes),
  };
}

/** No field of a message has this name. */
const unreadable = "#unreadable";

function handler(answer: Answer): UnaryHandler {
  return (call, callback) => {
    const broken = call.request[unreadable];
    if (broken !== undefined) {
      callback({ code: 3, details: String(broken) });
      return;
    }
    Promise.resolve()
      .then(() => answer(call.request, call))
      .then(
        (value) => callback(null, value),
        (error: unknown) => callback(grpcError(error)),
      );
  };
}

function answers(context: {
  readonly server: WorkerInferenceServer;
  readonly options: ResolvedProtocolOptions;
}): Readonly<Record<string, Answer>> {
  const { server, options } = context;
  const named = (request: Message): ReturnType<WorkerInferenceServer["find"]> =>
    describedModel(server, String(request["name"] ?? ""), textOf(request["version"]));
  return {
    ServerLive: () => ({ live: true }),
    ServerReady: () => ({ ready: server.models().every((model) => model.ready) }),
    // A model that is not there is not ready; that is an answer, as Triton has it.
    ModelReady: (request) => {
      try {
        return { ready: isReady(server, String(request["name"] ?? ""), textOf(request["version"])) };
      } catch (error) {
        if (isAshlarError(error, "MODEL_NOT_FOUND")) return { ready: false };
        throw error;
      }
    },
    ServerMetadata: () => ({
      name: options.serverName,
      version: options.serverVersion,
      extensions: protocolExtensions,
    }),
    ModelMetadata: async (request) => metadata(server, await named(request)) as Message,
    ModelInfer: (request, call) => {
      const deadline = Number(call.getDeadline()) - Date.now();
      const caller = new UnaryCaller(call);
      return inferMessage(server, request, caller, Number.isFinite(deadline) ? deadline : undefined);
    },
    ModelConfig: async (request) => ({ config: configMessage(modelConfiguration(await named(request))) }),
    ModelStatistics: (request) => {
      const [name, version] = [textOf(request["name"]), textOf(request["version"])];
      if (name !== undefined) server.peek(name, version);
      return modelStatistics(server.figures(), name, version);
    },
    RepositoryIndex: async (request) => {
      const models = await repositoryIndex(context, request["ready"] === true);
      return { models: models.map((model): Message => ({ ...model })) };
    },
    RepositoryModelLoad: async (request) => {
      const parameters = plain(request["parameters"] as Message);
      await loadModel(context, String(request["model_name"] ?? ""), parameters);
      return {};
    },
    RepositoryModelUnload: async (request) => {
      const dependents = plain(request["parameters"] as Message)["unload_dependents"] === true;
      await requireControl(context).unload(String(request["model_name"] ?? ""), { dependents });
      return {};
    },
  };
}

async function inferMessage(
  server: WorkerInferenceServer,
  request: Message,
  caller: Caller,
  deadlineMs: number | undefined,
): Promise<Message> {
  const name = String(request["model_name"] ?? "");
  const version = textOf(request["model_version"]);
  const raw = (request["raw_input_contents"] ?? []) as readonly Uint8Array[];
  const bytes = raw.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const entry = await server.open(name, { caller }, bytes);
  const message = readInferMessage(request, entry.signatureOf(version));
  const own = message.deadlineMs ?? Number.POSITIVE_INFINITY;
  const limited =
    deadlineMs === undefined ? message : { ...message, deadlineMs: Math.max(0, Math.min(own, deadlineMs)) };
  const options = inferOptions(limited, caller, version);
  const model = entry.choose(options);
  const inputs = prepareTensors(model, message.inputs, null);
  const outputs = await answered((receiver) => entry.inferOn(model, inputs, options, receiver));
  return writeInferMessage(inferAnswer(model, message, outputs));
}

class UnaryCaller implements Caller {
  readonly #call: UnaryCall;
  #gone: AbortController | null = null;

  constructor(call: UnaryCall) {
    this.#call = call;
  }

  /** Asked for by each step of an ensemble. */
  get signal(): AbortSignal {
    if (this.#gone === null) {
      const controller = new AbortController();
      this.#gone = controller;
      if (this.#call.cancelled) controller.abort();
      else this.#call.on("cancelled", () => controller.abort());
    }
    return this.#gone.signal;
  }
}

/** Enumerations go over the wire as numbers. */
function configMessage(config: ReturnType<typeof modelConfiguration>): Message {
  const tensor = ({ name, data_type, dims }: (typeof config.input)[number]): Message => ({
    name,
    data_type: dataTypes.indexOf(data_type),
    dims,
  });
  return {
    ...config,
    input: config.input.map(tensor),
    output: config.output.map(tensor),
    instance_group: config.instance_group.map(({ count }) => ({ count, kind: 2 })),
    dynamic_batching: config.dynamic_batching === undefined ? undefined : { ...config.dynamic_batching },
    response_cache: config.response_cache === undefined ? undefined : { ...config.response_cache },
  };
}

/** `DataType` of the model configuration, by number. */
const dataTypes: readonly string[] = [
  "TYPE_INVALID",
  ...["BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64"].map((type) => `TYPE_${type}`),
  ...["FP16", "FP32", "FP64", "STRING", "BF16"].map((type) => `TYPE_${type}`),
];

/** Status codes of gRPC by the HTTP status of an error, as Triton pairs them. */
const codes: Readonly<Record<number, number>> = { 400: 3, 404: 5, 408: 4, 409: 6, 413: 8, 501: 12, 503: 14 };

export function grpcError(error: unknown): GrpcError {
  if (isAshlarError(error, "INFERENCE_DEADLINE_EXCEEDED")) return { code: 4, details: error.message };
  if (isAshlarError(error)) return { code: codes[error.status] ?? 13, details: error.message };
  if (error instanceof Error && error.name === "AbortError") return { code: 1, details: "The client went away." };
  return { code: 13, details: "The server failed to answer this request." };
}

function textOf(value: Message[string]): string | undefined {
  return value === undefined || value === "" ? undefined : String(value);
}
