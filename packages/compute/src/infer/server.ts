import { type Clock, type Logger, silentLogger, systemClock } from "@ashlar/core";

import { computeError } from "../errors.ts";
import { createProtocolHandler, type ProtocolOptions } from "../protocol/handler.ts";
import { type Instance, startInstance } from "./instance.ts";
import {
  type BatchingPolicy,
  batchingPolicy,
  type InferenceServerOptions,
  invalidOption,
  requirePositiveInteger,
} from "./options.ts";
import { onnxRuntimePackage } from "./runtime.ts";
import { type InferenceInputs, prepareInputs } from "./request.ts";
import { ServedModel } from "./served-model.ts";
import { type ModelSignature, signatureDifference } from "./signature.ts";
import { type ModelStatistics, StatisticsRecorder } from "./statistics.ts";
import type { TypedTensor } from "./tensor.ts";
import type { RequestOptions } from "./tracked-request.ts";

export interface LoadOptions {
  /** The bytes of an `.onnx` (or `.ort`) file; they are copied. */
  readonly onnx: Uint8Array;
  /** Default `"1"`, and for a swap the number after the present one. */
  readonly version?: string;
  /** Worker threads, each with a session of its own: 1 to 64. Default: the server's, and for a swap the present number. */
  readonly instances?: number;
  /** Run the model on zeros before it is ready, so that no request pays for the first run. Default true. */
  readonly warmup?: boolean;
  /** False keeps requests apart even when the model's metadata says that their rows can be joined. Default true. */
  readonly batchable?: boolean;
}

export interface InferOptions extends RequestOptions {
  /** Refuses the request unless this version is the one being served. */
  readonly version?: string;
}

/** A model being served. */
export interface ModelInfo extends ModelSignature {
  readonly name: string;
  readonly version: string;
  /** Instances alive now. */
  readonly instances: number;
  /** False when every instance has died. */
  readonly ready: boolean;
}

/** Serves ONNX models from worker threads; the calling thread only batches. */
export interface InferenceServer extends AsyncDisposable {
  /**
   * Starts the instances and warms them up; when it resolves the model answers.
   *
   * @throws MODEL_ALREADY_LOADED, MODEL_INVALID, MODEL_WARMUP_FAILED, LIBRARY_MISSING, INFERENCE_OPTION_INVALID
   */
  load(name: string, options: LoadOptions): Promise<ModelInfo>;
  /**
   * Loads and warms up the next version, sends every later request to it, and ends the present one when it has
   * answered all it had accepted. Resolves after that. When the new version does not load nothing changes.
   *
   * @throws MODEL_NOT_FOUND, MODEL_SIGNATURE_CHANGED, and what `load` throws
   */
  swap(name: string, options: LoadOptions): Promise<ModelInfo>;
  /** Takes the model away; what was accepted is still answered. @throws MODEL_NOT_FOUND */
  unload(name: string): Promise<void>;
  /**
   * Runs the model. Requests of the same shapes beyond axis 0 are joined into one run and never split.
   *
   * @throws MODEL_NOT_FOUND, INFERENCE_INPUT_INVALID, INFERENCE_REQUEST_TOO_LARGE, INFERENCE_QUEUE_FULL,
   * INFERENCE_DEADLINE_EXCEEDED, INFERENCE_INSTANCE_CRASHED, INFERENCE_FAILED, MODEL_UNAVAILABLE, or the signal's reason
   */
  infer(name: string, inputs: InferenceInputs, options?: InferOptions): Promise<Record<string, TypedTensor>>;
  models(): readonly ModelInfo[];
  /** By model name. */
  statistics(): Readonly<Record<string, ModelStatistics>>;
  /** The Open Inference Protocol v2 as a fetch-shaped handler. */
  handler(options?: ProtocolOptions): (request: Request) => Promise<Response>;
}

/** Makes an inference server; nothing is started before the first `load`. @throws INFERENCE_OPTION_INVALID */
export function createInferenceServer(options: InferenceServerOptions = {}): InferenceServer {
  return new WorkerInferenceServer(options);
}

interface Entry {
  current: ServedModel;
  readonly statistics: StatisticsRecorder;
}

class WorkerInferenceServer implements InferenceServer {
  readonly #runtime: string;
  readonly #batching: BatchingPolicy;
  readonly #instances: number;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #entries: Map<string, Entry> = new Map();
  /** What changes a model runs one after another. */
  readonly #changes: Map<string, Promise<unknown>> = new Map();
  #closed = false;

  constructor(options: InferenceServerOptions) {
    this.#runtime = options.ort ?? onnxRuntimePackage.library;
    this.#batching = batchingPolicy(options.batching);
    this.#instances = options.instances ?? 1;
    this.#logger = options.logger ?? silentLogger;
    this.#clock = options.clock ?? systemClock;
    requirePositiveInteger("instances", this.#instances, 64);
  }

  load(name: string, options: LoadOptions): Promise<ModelInfo> {
    return this.#change(name, async () => {
      const present = this.#entries.get(name);
      if (present !== undefined) {
        throw computeError("MODEL_ALREADY_LOADED", { model: name, version: present.current.version });
      }
      const statistics = new StatisticsRecorder();
      const current = await this.#start(name, options, options.version ?? "1", this.#instances, statistics);
      this.#entries.set(name, { current, statistics });
      return describe(current);
    });
  }

  swap(name: string, options: LoadOptions): Promise<ModelInfo> {
    return this.#change(name, async () => {
      const entry = this.#entry(name);
      const before = entry.current;
      const version = options.version ?? nextVersion(before.version);
      const next = await this.#start(name, options, version, before.configuredInstances, entry.statistics);
      const difference = signatureDifference(before.signature, next.signature);
      if (difference !== null) {
        await next.close();
        throw computeError("MODEL_SIGNATURE_CHANGED", { model: name, difference });
      }
      entry.current = next;
      await before.drain();
      return describe(next);
    });
  }

  unload(name: string): Promise<void> {
    return this.#change(name, async () => {
      const entry = this.#entry(name);
      this.#entries.delete(name);
      await entry.current.drain();
    });
  }

  async infer(name: string, inputs: InferenceInputs, options: InferOptions = {}): Promise<Record<string, TypedTensor>> {
    const { current } = this.#entry(name, options.version);
    return current.submit(prepareInputs(name, current.signature, inputs, this.#batching.maxBatchRows), options);
  }

  models(): readonly ModelInfo[] {
    return [...this.#entries.values()].map((entry) => describe(entry.current));
  }

  statistics(): Readonly<Record<string, ModelStatistics>> {
    const rows = [...this.#entries].map(
      ([name, entry]) => [name, entry.statistics.read(entry.current.queued)] as const,
    );
    return Object.fromEntries(rows);
  }

  handler(options: ProtocolOptions = {}): (request: Request) => Promise<Response> {
    return createProtocolHandler(this, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.allSettled([...this.#entries.values()].map((entry) => entry.current.close()));
    await Promise.allSettled(this.#changes.values());
    await Promise.allSettled([...this.#entries.values()].map((entry) => entry.current.close()));
    this.#entries.clear();
  }

  #entry(name: string, version?: string): Entry {
    const entry = this.#entries.get(name);
    if (entry !== undefined && (version === undefined || version === entry.current.version)) return entry;
    const loaded = [...this.#entries.values()].map(({ current }) => `"${current.name}" version ${current.version}`);
    const model = version === undefined ? `"${name}"` : `"${name}" version ${version}`;
    throw computeError("MODEL_NOT_FOUND", { model, loaded: loaded.join(", ") || "(none is loaded)" });
  }

  #change<Result>(name: string, action: () => Promise<Result>): Promise<Result> {
    const before = this.#changes.get(name) ?? Promise.resolve();
    const guarded = async (): Promise<Result> => {
      if (this.#closed) throw computeError("MODEL_UNAVAILABLE", { model: name, reason: "its server is closing" });
      return action();
    };
    const change = before.then(guarded, guarded);
    this.#changes.set(name, change);
    const forget = (): void => {
      if (this.#changes.get(name) === change) this.#changes.delete(name);
    };
    change.then(forget, forget);
    return change;
  }

  async #start(
    name: string,
    options: LoadOptions,
    version: string,
    defaultCount: number,
    statistics: StatisticsRecorder,
  ): Promise<ServedModel> {
    const count = options.instances ?? defaultCount;
    requirePositiveInteger("instances", count, 64);
    requireName("the model name", name);
    requireName("version", version);
    if (!(options.onnx instanceof Uint8Array) || options.onnx.byteLength === 0) {
      throw invalidOption("onnx", typeof options.onnx, "the bytes of a model as a Uint8Array");
    }
    const model = new SharedArrayBuffer(options.onnx.byteLength);
    new Uint8Array(model).set(options.onnx);
    const start = { runtime: this.#runtime, model, warmup: options.warmup ?? true };
    const spawn = (): Promise<Instance> => startInstance(name, start);
    const instances = await startAll(spawn, count);
    const proven = (instances[0] as Instance).signature;
    return new ServedModel({
      name,
      version,
      signature: { ...proven, batchable: proven.batchable && (options.batchable ?? true) },
      instances,
      spawn,
      batching: this.#batching,
      statistics,
      logger: this.#logger,
      clock: this.#clock,
    });
  }
}

/** Starts all or none. */
async function startAll(spawn: () => Promise<Instance>, count: number): Promise<Instance[]> {
  const results = await Promise.allSettled(Array.from({ length: count }, spawn));
  const failed = results.find((result) => result.status === "rejected");
  const started = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  if (failed === undefined) return started;
  await Promise.all(started.map((instance) => instance.stop()));
  throw failed.reason;
}

function describe(model: ServedModel): ModelInfo {
  const { name, version, liveInstances } = model;
  return { name, version, instances: liveInstances, ready: liveInstances > 0, ...model.signature };
}

/** Names stand in URLs of the protocol. */
function requireName(what: string, value: string): void {
  if (/^[\w.-]{1,128}$/.test(value) && value !== "." && value !== "..") return;
  throw invalidOption(what, JSON.stringify(value), "1 to 128 letters, digits, underscores, dots or hyphens");
}

function nextVersion(version: string): string {
  return /^\d{1,15}$/.test(version) ? String(Number(version) + 1) : `${version}.next`;
}
