import type { IncomingMessage, ServerResponse } from "node:http";
import { availableParallelism } from "node:os";

import { type Clock, type Logger, silentLogger, systemClock } from "@ashlar/core";

import { computeError } from "../errors.ts";
import { grpcService, type GrpcService } from "../grpc/service.ts";
import { createProtocolHandler } from "../protocol/handler.ts";
import { type LambdaHandler, lambdaHandler } from "../protocol/lambda.ts";
import { type ConnectionListener, connectionListener, type ConnectionOptions } from "../http/connection-listener.ts";
import { nodeListener } from "../protocol/node-listener.ts";
import type { ProtocolOptions } from "../protocol/options.ts";
import { BufferPool } from "./buffer-pool.ts";
import { Changes } from "./changes.ts";
import type { StepModels } from "./ensemble.ts";
import { FairShare } from "./fair-share.ts";
import { LazyModels } from "./lazy-models.ts";
import { loadModel } from "./load-model.ts";
import { figuresOf, type ModelFigures, type ModelSnapshot, snapshotsOf } from "./figures.ts";
import { type Gate, openGate, pass } from "./gate.ts";
import { prometheusMetrics } from "./metrics.ts";
import { ModelEntry, type Route } from "./model-entry.ts";
import type { ModelSettings } from "./model-settings.ts";
import { type InferenceServerOptions, requirePositiveInteger } from "./options.ts";
import { answered, type InternalRequestOptions, type Outputs } from "./pending-request.ts";
import { bytesOf, type InferenceInputs, prepareInputs } from "./request.ts";
import { onnxRuntimePackage } from "./runtime.ts";
import type { Servable } from "./servable.ts";
import type {
  InferenceServer,
  InferOptions,
  LazyOptions,
  LoadOptions,
  ModelInfo,
  SwapInfo,
  SwapOptions,
} from "./server.ts";
import { checkSettings, resolveSettings, settingsToReplace } from "./settings.ts";
import type { ShadowReport } from "./shadow.ts";
import { signatureDifference } from "./signature.ts";
import { type ModelStatistics, StatisticsRecorder } from "./statistics.ts";
import { ThreadPool } from "./thread-pool.ts";
import { compareOnLiveRequests } from "./trial.ts";

/** See `InferenceServer` for what each method does. */
export class WorkerInferenceServer implements InferenceServer {
  readonly #runtime: string;
  readonly #defaults: ModelSettings;
  readonly #share: FairShare;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #entries: Map<string, ModelEntry> = new Map();
  readonly #lazy: LazyModels;
  readonly #changes: Changes = new Changes();
  readonly #closing: AbortController = new AbortController();
  /** Of bodies and batches. */
  readonly buffers: BufferPool = new BufferPool();
  readonly #threads: ThreadPool = new ThreadPool();

  constructor(options: InferenceServerOptions) {
    const { ort, logger, clock, maxConcurrentRuns, ...defaults } = options;
    checkSettings(defaults);
    resolveSettings(defaults, {});
    const slots = maxConcurrentRuns ?? availableParallelism();
    requirePositiveInteger("maxConcurrentRuns", slots);
    this.#runtime = ort ?? onnxRuntimePackage.library;
    this.#defaults = defaults;
    this.#share = new FairShare(slots);
    this.#logger = logger ?? silentLogger;
    this.#clock = clock ?? systemClock;
    this.#lazy = new LazyModels(this, this.#clock);
  }

  load(name: string, options: LoadOptions): Promise<ModelInfo> {
    return this.loadWhen(name, options, openGate);
  }

  /** Loads a model, which is served from the moment on that the gate opens. */
  loadWhen(name: string, options: LoadOptions, gate: Gate): Promise<ModelInfo> {
    return this.#change(name, async () => {
      const present = this.#entries.get(name);
      if (present !== undefined) {
        throw computeError("MODEL_ALREADY_LOADED", { model: name, version: present.primary.version });
      }
      const whole = new StatisticsRecorder();
      const statistics = new StatisticsRecorder(whole);
      const model = await this.#start(name, options.version ?? "1", options, statistics);
      await pass(gate, model, null);
      this.#entries.set(name, new ModelEntry(name, whole, model, statistics));
      return describe(model, true);
    });
  }

  add(name: string, options: LoadOptions & { readonly version: string }): Promise<ModelInfo> {
    return this.addWhen(name, options, openGate);
  }

  addWhen(name: string, options: LoadOptions & { readonly version: string }, gate: Gate): Promise<ModelInfo> {
    return this.#change(name, async () => {
      const entry = this.#entry(name);
      const { version } = options;
      if (entry.versions.has(version)) throw computeError("MODEL_ALREADY_LOADED", { model: name, version });
      const statistics = new StatisticsRecorder(entry.statistics);
      const model = await this.#startLike(entry, version, options, statistics);
      await pass(gate, model, null);
      entry.add(model, statistics);
      return describe(model, false);
    });
  }

  addLazy(name: string, options: LazyOptions): void {
    const present = this.#entries.get(name);
    if (present !== undefined) {
      throw computeError("MODEL_ALREADY_LOADED", { model: name, version: present.primary.version });
    }
    this.#lazy.add(name, options);
  }

  swap(name: string, options: SwapOptions): Promise<SwapInfo> {
    const { accept } = options;
    return this.swapWhen(name, options, (report) => report === null || accept === undefined || accept(report));
  }

  swapWhen(name: string, options: SwapOptions, gate: Gate): Promise<SwapInfo> {
    return this.#change(name, async () => {
      const entry = this.#entry(name);
      const { shadow, accept: _, takeOver = true, keepSettings = true, ...load } = options;
      const version = options.version ?? nextVersion(entry.primary.version);
      const replaced = takeOver ? entry.primary : entry.require(version);
      const settings = keepSettings ? settingsToReplace(replaced.givenSettings, load) : load;
      const statistics = new StatisticsRecorder(entry.statistics);
      const next = await this.#startLike(entry, version, settings, statistics);
      const trial = { entry, next, clock: this.#clock, closing: this.#closing.signal };
      const report = shadow === undefined ? null : await compareOnLiveRequests(trial, shadow);
      await pass(gate, next, report);
      const ending = takeOver ? entry.takeOver(next, statistics) : entry.replace(next, statistics);
      await Promise.all(ending.map((model) => entry.retire(model)));
      return { ...describe(next, entry.primary === next), shadow: report };
    });
  }

  route(name: string, route: Route): void {
    this.#entry(name).route(route);
  }

  promote(name: string, version: string): void {
    const entry = this.#entry(name);
    entry.promote(entry.require(version));
  }

  shadowReport(name: string): ShadowReport | null {
    return this.#entry(name).shadowReport;
  }

  unload(name: string, options: { readonly version?: string } = {}): Promise<void> {
    return this.#change(name, async () => {
      // A model that sleeps is forgotten, and that is all.
      if (this.#lazy.remove(name) && !this.#entries.has(name)) return;
      await this.#takeAway(name, options.version);
    });
  }

  /** Takes a model away that its next request will load again. */
  sleep(name: string): Promise<void> {
    return this.#change(name, () => this.#takeAway(name));
  }

  async #takeAway(name: string, version?: string): Promise<void> {
    const entry = this.#entry(name);
    if (version === undefined || (entry.versions.size === 1 && entry.versions.has(version))) {
      this.#entries.delete(name);
      entry.leaveSequences();
      await Promise.all([...entry.versions.values()].map((model) => entry.retire(model)));
      return;
    }
    const model = entry.require(version);
    entry.remove(version);
    const [successor] = [...entry.versions.values()].slice(-1);
    if (entry.primary === model && successor !== undefined) entry.promote(successor);
    await entry.retire(model);
  }

  infer(name: string, inputs: InferenceInputs, options: InferOptions = {}): Promise<Outputs> {
    return this.inferOwned(name, inputs, options, options.transfer === true);
  }

  /** With `owned` the buffers of the inputs may be given away. Without `async`, which costs promises more. */
  inferOwned(name: string, inputs: InferenceInputs, options: InferOptions, owned: boolean): Promise<Outputs> {
    return answered((receiver) => {
      const infer = (entry: ModelEntry): void => {
        const model = entry.choose(options);
        entry.inferOn(model, prepareInputs(model, inputs, owned), options, receiver);
      };
      const opening = this.open(name, options, this.#entries.has(name) ? 0 : bytesOf(inputs));
      if (opening instanceof Promise) opening.then(infer).catch((error: Error) => receiver.fail(error));
      else infer(opening);
    });
  }

  /**
   * What is served under a name; a promise only when it has to be woken first, and then for a request of so many bytes.
   *
   * @throws MODEL_NOT_FOUND, INFERENCE_QUEUE_FULL
   */
  open(name: string, options: InferOptions & InternalRequestOptions, bytes = 0): ModelEntry | Promise<ModelEntry> {
    const entry = this.#entries.get(name);
    if (entry === undefined && this.#lazy.has(name)) {
      return this.#lazy.wake(name, options, bytes).then(() => this.#entry(name));
    }
    this.#lazy.touch(name);
    return entry ?? this.#entry(name);
  }

  models(): readonly ModelInfo[] {
    return [...this.#entries.values()].flatMap((entry) => {
      const others = [...entry.versions.values()].filter((model) => model !== entry.primary);
      return [describe(entry.primary, true), ...others.map((model) => describe(model, false))];
    });
  }

  /** Wakes a model that sleeps. @throws MODEL_NOT_FOUND */
  async find(name: string, version?: string): Promise<Servable> {
    return (await this.open(name, {})).require(version);
  }

  /** The same without waking it, and without keeping it awake; `null` while it sleeps. @throws MODEL_NOT_FOUND */
  peek(name: string, version?: string): Servable | null {
    return this.sleeps(name) ? null : this.#entry(name).require(version);
  }

  /** Whether a stateful model has sequences that go on. */
  hasSequences(name: string): boolean {
    return this.#entries.get(name)?.hasSequences ?? false;
  }

  /** Every name that a request may use, loaded or sleeping. */
  knows(name: string): boolean {
    return this.#entries.has(name) || this.#lazy.has(name);
  }

  /** Whether a model is loaded by its next request. */
  sleeps(name: string): boolean {
    return !this.#entries.has(name) && this.#lazy.has(name);
  }

  entry(name: string): ModelEntry | undefined {
    return this.#entries.get(name);
  }

  /** The settings of the server, where a model's own do not say otherwise. */
  get defaults(): ModelSettings {
    return this.#defaults;
  }

  statistics(): Readonly<Record<string, ModelStatistics>> {
    const rows = [...this.#entries].map(([name, entry]) => {
      const queued = [...entry.versions.values()].reduce((sum, model) => sum + model.queued, 0);
      return [name, entry.statistics.read(queued)] as const;
    });
    return Object.fromEntries(rows);
  }

  metrics(): string {
    return prometheusMetrics(this.figures());
  }

  /** Of every version. */
  figures(): ModelFigures[] {
    return figuresOf(this.#entries.values());
  }

  /** The same as plain data that can be added up. */
  snapshots(): ModelSnapshot[] {
    return snapshotsOf(this.#entries.values());
  }

  handler(options: ProtocolOptions = {}): (request: Request) => Promise<Response> {
    return createProtocolHandler(this, options);
  }

  listener(options: ProtocolOptions = {}): (request: IncomingMessage, response: ServerResponse) => void {
    return nodeListener(this, options);
  }

  connectionListener(options: ConnectionOptions = {}): ConnectionListener {
    return connectionListener(this, options);
  }

  lambda(options: ProtocolOptions = {}): LambdaHandler {
    return lambdaHandler(this, options);
  }

  grpc(options: ProtocolOptions = {}): GrpcService {
    return grpcService(this, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#lazy.close();
    await this.#closeAll();
    await this.#changes.over();
    await this.#closeAll();
    this.#entries.clear();
    await this.#threads.close();
  }

  #closeAll(): Promise<unknown> {
    const models = [...this.#entries.values()].flatMap((entry) => entry.everyVersion());
    return Promise.allSettled(models.map((model) => model.close()));
  }

  #entry(name: string): ModelEntry {
    const entry = this.#entries.get(name);
    if (entry !== undefined) return entry;
    const loaded = [...this.#entries.values()].map(({ primary }) => `"${primary.name}" version ${primary.version}`);
    throw computeError("MODEL_NOT_FOUND", {
      model: JSON.stringify(name),
      loaded: loaded.join(", ") || "(none is loaded)",
    });
  }

  #change<Result>(name: string, action: () => Promise<Result>): Promise<Result> {
    return this.#changes.run(name, async () => {
      if (!this.#closing.signal.aborted) return action();
      throw computeError("MODEL_UNAVAILABLE", { model: name, reason: "its server is closing" });
    });
  }

  /** @throws MODEL_SIGNATURE_CHANGED when the version cannot stand in for the present one */
  async #startLike(
    entry: ModelEntry,
    version: string,
    options: LoadOptions,
    statistics: StatisticsRecorder,
  ): Promise<Servable> {
    const model = await this.#start(entry.name, version, options, statistics);
    const difference = signatureDifference(entry.primary.signature, model.signature);
    if (difference === null) return model;
    await model.close();
    throw computeError("MODEL_SIGNATURE_CHANGED", { model: entry.name, difference });
  }

  #start(name: string, version: string, options: LoadOptions, statistics: StatisticsRecorder): Promise<Servable> {
    const { onnx, version: _, ...settings } = options;
    const resolved = resolveSettings(this.#defaults, settings);
    const models: StepModels = {
      find: (model, wanted) => this.#entry(model).require(wanted),
      open: (model, wanted, bytes) => {
        const opening = this.open(model, wanted, bytes);
        return opening instanceof Promise ? opening.then((entry) => entry.follow(wanted)) : opening.follow(wanted);
      },
      sleeps: (model) => this.sleeps(model),
    };
    const context = {
      runtime: this.#runtime,
      share: this.#share,
      models,
      logger: this.#logger,
      clock: this.#clock,
      buffers: this.buffers,
      threads: this.#threads,
    };
    return loadModel({ name, version, onnx, settings, resolved, statistics }, context);
  }
}

export function describe(model: Servable, primary: boolean): ModelInfo {
  const { name, version, liveInstances, execution } = model;
  return { name, version, instances: liveInstances, ready: liveInstances > 0, execution, primary, ...model.signature };
}

function nextVersion(version: string): string {
  return /^\d{1,15}$/.test(version) ? String(Number(version) + 1) : `${version}.next`;
}
