import type { IncomingMessage, ServerResponse } from "node:http";

import type { GrpcService } from "../grpc/service.ts";
import type { ConnectionListener, ConnectionOptions } from "../http/connection-listener.ts";
import type { LambdaHandler } from "../protocol/lambda.ts";
import type { ProtocolOptions } from "../protocol/options.ts";
import type { ModelSettings } from "./model-settings.ts";
import type { InferenceServerOptions } from "./options.ts";
import type { RequestOptions } from "./pending-request.ts";
import type { InferenceInputs } from "./request.ts";
import type { Route } from "./model-entry.ts";
import type { ExecutionKind } from "./runner.ts";
import type { SequencePosition } from "./sequence.ts";
import type { ShadowOptions, ShadowReport } from "./shadow.ts";
import { WorkerInferenceServer } from "./inference-server.ts";
import type { ModelSignature } from "./signature.ts";
import type { ModelStatistics } from "./statistics.ts";
import type { TypedTensor } from "./tensor.ts";

export interface LoadOptions extends ModelSettings {
  /** The bytes of an `.onnx` (or `.ort`) file; they are copied. Left out for an ensemble. */
  readonly onnx?: Uint8Array;
  /** Default `"1"`, and for a swap the number after the present one. */
  readonly version?: string;
}

export interface SwapOptions extends LoadOptions {
  /**
   * Before the new version takes over it gets copies of this share of the live requests, and its answers are compared
   * with those that were given. Default: none, it takes over at once.
   */
  readonly shadow?: number | (ShadowOptions & ShadowLimits);
  /** Decides on what was seen; `false` keeps the present version. Default: the new version takes over. */
  readonly accept?: (report: ShadowReport) => boolean | Promise<boolean>;
  /** `false` replaces a version that is served beside the present one, which stays that. Default true. */
  readonly takeOver?: boolean;
  /**
   * Whether settings that are left out stay as they are for the version that is replaced; `false` gives them their
   * defaults. Default true.
   */
  readonly keepSettings?: boolean;
}

export interface ShadowLimits {
  /** Comparisons after which the new version takes over. Default 100. */
  readonly requests?: number;
  /** Milliseconds after which it takes over, however few came. Default 10,000. */
  readonly timeoutMs?: number;
}

/** A model that is loaded by its first request. */
export interface LazyOptions {
  /** Gives what `load` takes. Called again when the model has been put to sleep. */
  readonly load: () => Promise<LoadOptions>;
  /** Milliseconds without a request after which the model is unloaded again. Default: never. */
  readonly idleUnloadMs?: number;
  /** Requests that may wait for it to be loaded; more are refused with INFERENCE_QUEUE_FULL. Default 1024. */
  readonly holdLimit?: number;
  /** Bytes of the inputs that may wait with them; what goes beyond is refused in the same way. Default 64 MiB. */
  readonly holdMaxBytes?: number;
}

export interface InferOptions extends RequestOptions {
  /** Refuses the request unless this version is served. */
  readonly version?: string;
  /** The sequence that the request belongs to; stateful models need it. */
  readonly sequence?: SequencePosition;
  /**
   * Gives the buffers of the inputs away: what fills its buffer whole is not copied on its way to a thread, and is empty
   * afterwards. Default false.
   */
  readonly transfer?: boolean;
}

/** A version of a model being served. */
export interface ModelInfo extends ModelSignature {
  readonly name: string;
  readonly version: string;
  /** Instances alive now. */
  readonly instances: number;
  /** False when every instance has died. */
  readonly ready: boolean;
  readonly execution: ExecutionKind;
  /** True for the version that answers when a request names none. */
  readonly primary: boolean;
}

export interface SwapInfo extends ModelInfo {
  /** What the comparison with the version before has shown, when there was one. */
  readonly shadow: ShadowReport | null;
}

/** Serves ONNX models; the calling thread batches, and runs only what is quicker to run than to send away. */
export interface InferenceServer extends AsyncDisposable {
  /**
   * Starts the instances and warms them up; when it resolves the model answers.
   *
   * @throws MODEL_ALREADY_LOADED, MODEL_INVALID, MODEL_WARMUP_FAILED, LIBRARY_MISSING, INFERENCE_OPTION_INVALID
   */
  load(name: string, options: LoadOptions): Promise<ModelInfo>;
  /**
   * Loads a further version beside those served. It gets the requests that name it, and what {@link route} gives it.
   *
   * @throws MODEL_NOT_FOUND, MODEL_ALREADY_LOADED, MODEL_SIGNATURE_CHANGED, and what `load` throws
   */
  add(name: string, options: LoadOptions & { readonly version: string }): Promise<ModelInfo>;
  /**
   * Makes the model known without loading it: the first request does that, waits for it with those that come
   * meanwhile, and none of them fails for it.
   *
   * @throws MODEL_ALREADY_LOADED
   */
  addLazy(name: string, options: LazyOptions): void;
  /**
   * Loads and warms up the next version, compares it on live requests if asked to, sends every later request to it, and
   * ends the present one when it has answered all it had accepted. Resolves after that. When the new version does not
   * load, or is not accepted, nothing changes.
   *
   * @throws MODEL_NOT_FOUND, MODEL_SIGNATURE_CHANGED, MODEL_NOT_ACCEPTED, and what `load` throws
   */
  swap(name: string, options: SwapOptions): Promise<SwapInfo>;
  /** Spreads the requests that name no version over versions, and copies some to one. @throws MODEL_NOT_FOUND */
  route(name: string, route: Route): void;
  /** Makes a version that is served the present one. @throws MODEL_NOT_FOUND */
  promote(name: string, version: string): void;
  /** What the version that `route` shadows with has shown so far. @throws MODEL_NOT_FOUND */
  shadowReport(name: string): ShadowReport | null;
  /** Takes the model, or one version, away; what was accepted is still answered. @throws MODEL_NOT_FOUND */
  unload(name: string, options?: { readonly version?: string }): Promise<void>;
  /**
   * Runs the model. Requests of the same shapes beyond the batch axis are joined into one run and never split. Do not
   * change the arrays before the answer is there.
   *
   * @throws MODEL_NOT_FOUND, INFERENCE_INPUT_INVALID, INFERENCE_REQUEST_TOO_LARGE, INFERENCE_QUEUE_FULL,
   * INFERENCE_DEADLINE_EXCEEDED, INFERENCE_RUN_TIMEOUT, INFERENCE_INSTANCE_CRASHED, INFERENCE_FAILED,
   * MODEL_UNAVAILABLE, SEQUENCE_INVALID, SEQUENCE_LIMIT_REACHED, or the signal's reason
   */
  infer(name: string, inputs: InferenceInputs, options?: InferOptions): Promise<Record<string, TypedTensor>>;
  models(): readonly ModelInfo[];
  /** By model name, over all its versions. */
  statistics(): Readonly<Record<string, ModelStatistics>>;
  /** In the Prometheus text format 0.0.4, with the names and meanings of Triton's `nv_*` metrics. */
  metrics(): string;
  /** The Open Inference Protocol v2 as a fetch-shaped handler. @throws INFERENCE_OPTION_INVALID */
  handler(options?: ProtocolOptions): (request: Request) => Promise<Response>;
  /**
   * The same as a request listener of `node:http`: `createServer(server.listener())`. It spares the objects of the web
   * platform, which cost more than the run of a small model.
   *
   * @throws INFERENCE_OPTION_INVALID
   */
  listener(options?: ProtocolOptions): (request: IncomingMessage, response: ServerResponse) => void;
  /**
   * The same for the connections themselves: `net.createServer(server.connectionListener())`, or `tls.createServer`. What
   * `node:http` does for each request is most of what a small model costs; here only unusual requests go through it.
   *
   * @throws INFERENCE_OPTION_INVALID
   */
  connectionListener(options?: ConnectionOptions): ConnectionListener;
  /** The same as an AWS Lambda handler: `export const handler = server.lambda()`. @throws INFERENCE_OPTION_INVALID */
  lambda(options?: ProtocolOptions): LambdaHandler;
  /**
   * The same over gRPC, for a server of `@grpc/grpc-js`: `const { definition, implementation } = server.grpc()`, then
   * `grpcServer.addService(definition, implementation)`. Clients find the protocol in
   * `@ashlar/compute/open-inference.proto`.
   *
   * @throws INFERENCE_OPTION_INVALID
   */
  grpc(options?: ProtocolOptions): GrpcService;
}

/** Makes an inference server; nothing is started before the first `load`. @throws INFERENCE_OPTION_INVALID */
export function createInferenceServer(options: InferenceServerOptions = {}): InferenceServer {
  return new WorkerInferenceServer(options);
}
