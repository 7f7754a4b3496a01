import type { Clock, Logger } from "@ashlar/core";

import { computeError } from "../errors.ts";
import { Admission } from "./admission.ts";
import type { BatchLayout } from "./batch-layout.ts";
import { BatchRun } from "./batch-run.ts";
import { type BatchPlan, planBatch } from "./batcher.ts";
import type { BufferPool } from "./buffer-pool.ts";
import type { FairShare } from "./fair-share.ts";
import { Gathering } from "./gathering.ts";
import { LatencyController } from "./latency-target.ts";
import type { ModelSettings } from "./model-settings.ts";
import {
  checkRequestOptions,
  type InternalRequestOptions,
  type Outputs,
  type PendingRequest,
  type Receiver,
} from "./pending-request.ts";
import type { RequestQueue } from "./queue.ts";
import type { PreparedInputs } from "./request.ts";
import { ResponseCache } from "./response-cache.ts";
import type { ExecutionKind, Runner, RunResult } from "./runner.ts";
import { RunnerPool } from "./runner-pool.ts";
import type { Servable } from "./servable.ts";
import type { ResolvedSettings } from "./settings.ts";
import type { ModelSignature } from "./signature.ts";
import type { StatisticsRecorder } from "./statistics.ts";

/** Runs in a row over the threshold, by so much, after which a model chosen to run inline is moved to a worker. */
const tooSlow = { runs: 8, factor: 4 } as const;

/** Whoever waits alone, and for nobody, is run. */
const alone: BatchPlan = { count: 1 };

export interface ModelVersionInit {
  readonly name: string;
  readonly version: string;
  readonly signature: ModelSignature;
  readonly layout: BatchLayout | null;
  readonly settings: ResolvedSettings;
  readonly givenSettings: ModelSettings;
  readonly runners: readonly Runner[];
  readonly spawn: (kind: ExecutionKind) => Promise<Runner>;
  readonly share: FairShare;
  readonly statistics: StatisticsRecorder;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly buffers: BufferPool;
}

/** One version of a model that is being served: its queue, its instances, and what moves requests between the two. */
export class ModelVersion implements Servable {
  readonly name: string;
  readonly version: string;
  readonly signature: ModelSignature;
  readonly layout: BatchLayout | null;
  readonly maxBatchRows: number;
  readonly weight: number;
  readonly settings: ResolvedSettings;
  readonly givenSettings: ModelSettings;
  readonly ensemble = null;
  readonly #init: ModelVersionInit;
  readonly #admission: Admission;
  readonly #queue: RequestQueue<PendingRequest>;
  readonly #pool: RunnerPool;
  readonly #batchRun: BatchRun;
  readonly #cache: ResponseCache | null;
  readonly #latency: LatencyController | null;
  #running = 0;
  /** Turns of the fair share that were asked for and not given yet. */
  #turns = 0;
  #dispatchPlanned = false;
  readonly #gathering: Gathering = new Gathering();
  /** The last batch was one request: whoever comes next is likely alone too, and does not wait for others. */
  #lone = true;
  #slowRuns = 0;
  #delayed: AbortController | null = null;
  #draining = false;
  #drain: Promise<void> | null = null;
  #drained: (() => void) | null = null;

  constructor(init: ModelVersionInit) {
    const { name, version, settings } = init;
    this.name = name;
    this.version = version;
    this.signature = init.signature;
    this.layout = init.layout;
    this.maxBatchRows = settings.maxBatchRows;
    this.weight = settings.weight;
    this.settings = settings;
    this.givenSettings = init.givenSettings;
    this.#init = init;
    this.#cache = settings.responseCacheBytes > 0 ? new ResponseCache(settings.responseCacheBytes) : null;
    const target = settings.latencyTarget;
    this.#latency = target === null ? null : new LatencyController(target, settings.maxBatchRows);
    const { clock, statistics } = init;
    this.#admission = new Admission({
      model: name,
      policy: settings.queue,
      clock,
      statistics,
      onLeft: () => this.#settleDrain(),
    });
    this.#queue = this.#admission.queue;
    this.#pool = new RunnerPool({
      fields: { model: name, version },
      runners: init.runners,
      spawn: init.spawn,
      onIdle: () => this.#planDispatch(),
      onLost: () => this.#refuseAll(),
      logger: init.logger,
      clock: init.clock,
    });
    this.#batchRun = new BatchRun({ ...init, pool: this.#pool });
  }

  get liveInstances(): number {
    return this.#pool.size;
  }

  get execution(): ExecutionKind {
    return this.#pool.kind;
  }

  get queued(): number {
    return this.#queue.size;
  }

  /**
   * Queues a checked request.
   *
   * @throws INFERENCE_QUEUE_FULL, INFERENCE_DEADLINE_EXCEEDED, INFERENCE_INSTANCE_CRASHED, INFERENCE_FAILED,
   * INFERENCE_RUN_TIMEOUT, MODEL_UNAVAILABLE, or the signal's reason
   */
  submit(inputs: PreparedInputs, options: InternalRequestOptions, receiver: Receiver): void {
    checkRequestOptions(options);
    if (this.#cache === null) this.#enqueue(inputs, options, receiver);
    else this.#lookUp(this.#cache, inputs, options, receiver);
  }

  #lookUp(cache: ResponseCache, inputs: PreparedInputs, options: InternalRequestOptions, receiver: Receiver): void {
    const key = cache.keyOf(inputs);
    const known = cache.get(key);
    this.#init.statistics.looked(known !== undefined);
    if (known !== undefined) {
      receiver.succeed(known);
      return;
    }
    const succeed = (outputs: Outputs): void => {
      cache.set(key, outputs);
      receiver.succeed(outputs);
    };
    this.#enqueue(inputs, options, { succeed, fail: (error) => receiver.fail(error) });
  }

  #enqueue(inputs: PreparedInputs, options: InternalRequestOptions, receiver: Receiver): void {
    if (this.#pool.lost) throw this.#unavailable();
    const now = this.#init.clock.monotonic();
    this.#admission.admit(inputs, options, now, receiver);
    this.#latency?.observeArrival(now);
    this.#planDispatch();
  }

  drain(): Promise<void> {
    this.#drain ??= this.#drainOnce();
    return this.#drain;
  }

  async #drainOnce(): Promise<void> {
    this.#draining = true;
    this.#delayed?.abort();
    if (this.#queue.size + this.#running > 0) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
        this.#planDispatch();
      });
    }
    await this.#pool.end();
  }

  async close(): Promise<void> {
    this.#draining = true;
    const reason = "its server is closing";
    for (const request of this.#queue.takeAll()) {
      request.fail(computeError("MODEL_UNAVAILABLE", { model: this.name, reason }));
    }
    this.#settleDrain();
    await this.drain();
  }

  /**
   * Waits for the end of this turn of the event loop, so that requests which arrive together are run together; a lone
   * caller's waits for the end of this task only.
   */
  #planDispatch(): void {
    if (this.#dispatchPlanned) return;
    this.#dispatchPlanned = true;
    if (this.#lone) queueMicrotask(this.#onDispatch);
    else setImmediate(this.#onDispatch);
  }

  readonly #onDispatch = (): void => {
    const joins = this.layout !== null && !this.#lone && this.#pool.kind === "inline";
    if (joins && this.#gathering.goesOn(this.#queue, this.maxBatchRows)) {
      setImmediate(this.#onDispatch);
      return;
    }
    this.#dispatchPlanned = false;
    this.#dispatch();
    this.#admission.followThoseThatWait();
  };

  #dispatch(): void {
    while (this.#queue.size > 0 && this.#pool.idle > this.#turns) {
      const { plan, requests } = this.#plan();
      if ("waitMs" in plan) {
        this.#dispatchLater(plan.waitMs);
        return;
      }
      if (this.#pool.kind === "inline") {
        const batch = plan.count === requests.length ? requests : requests.slice(0, plan.count);
        void this.#run(this.#pool.take() as Runner, batch);
      } else {
        this.#turns++;
        this.#init.share.request(this, this.#onTurn);
      }
    }
  }

  /** It is this model's turn: the batch is made now, of all that has come meanwhile. */
  readonly #onTurn = (): void => {
    this.#turns--;
    const runner = this.#queue.size > 0 ? this.#pool.take() : undefined;
    if (runner === undefined) {
      this.#init.share.finished(this, 0);
      return;
    }
    const { plan, requests } = this.#plan();
    void this.#run(runner, "count" in plan ? requests.slice(0, plan.count) : requests, true);
  };

  #plan(): { readonly plan: BatchPlan; readonly requests: readonly PendingRequest[] } {
    const { settings, clock } = this.#init;
    const aim = this.#latency?.plan();
    const maxRows = aim?.maxRows ?? settings.maxBatchRows;
    const delayMs = this.#draining || this.layout === null ? 0 : (aim?.delayMs ?? settings.maxDelayMs);
    const requests = this.#queue.joinable(maxRows, this.layout !== null);
    if (requests.length === 1 && delayMs === 0) return { plan: alone, requests };
    const rows = requests.map((request) => request.rows);
    const waited = delayMs === 0 ? 0 : clock.monotonic() - (requests[0]?.acceptedAt ?? 0);
    const plan = planBatch(rows, { maxRows, preferredRows: settings.preferredBatchRows, delayMs }, waited);
    return { plan, requests };
  }

  #dispatchLater(wait: number): void {
    if (this.#delayed !== null) return;
    const delayed = new AbortController();
    this.#delayed = delayed;
    const wake = (): void => {
      this.#delayed = null;
      this.#planDispatch();
    };
    this.#init.clock.sleep(wait, { signal: delayed.signal }).then(wake, wake);
  }

  /** Short, because an async function keeps a frame of all its variables for as long as it waits. */
  async #run(runner: Runner, batch: readonly PendingRequest[], shared = false): Promise<void> {
    const sentAt = this.#begin(batch);
    let computeMicros = 0;
    try {
      const result = await this.#batchRun.on(runner, batch);
      computeMicros = result.computeMicros;
      this.#answer(batch, result, sentAt);
    } catch (error) {
      for (const request of batch) request.fail(error as Error);
    }
    this.#end(runner, computeMicros, shared);
  }

  #begin(batch: readonly PendingRequest[]): number {
    this.#queue.take(batch);
    for (const request of batch) request.taken = true;
    this.#running++;
    this.#lone = batch.length === 1;
    return this.#init.clock.monotonic();
  }

  #answer(batch: readonly PendingRequest[], result: RunResult, sentAt: number): void {
    const { clock, statistics } = this.#init;
    const { computeMicros } = result;
    const answers = this.#batchRun.split(result, batch);
    let rows = 0;
    for (const request of batch) rows += request.rows;
    statistics.batch(rows, computeMicros, clock.now());
    this.#latency?.observeRun(rows, computeMicros);
    const now = clock.monotonic();
    let index = 0;
    for (const request of batch) {
      if (!request.succeed(answers[index++] as Outputs)) continue;
      const total = (now - request.acceptedAt) * 1000;
      statistics.answered(request.rows, (sentAt - request.acceptedAt) * 1000, total);
      this.#latency?.observeLatency(total);
    }
  }

  #end(runner: Runner, computeMicros: number, shared: boolean): void {
    this.#running--;
    if (!this.#batchRun.isGuarded(runner)) this.#pool.release(runner);
    if (shared) this.#init.share.finished(this, computeMicros);
    this.#moveWhenSlow(runner, computeMicros);
    if (this.#queue.size > 0) {
      // Inline a turn of the event loop is no loss, and brings those who have just been answered.
      if (runner.kind === "inline") this.#planDispatch();
      else this.#dispatch();
    }
    this.#settleDrain();
  }

  /** The zeros of the warm-up may have been quicker than the inputs of requests are. */
  #moveWhenSlow(runner: Runner, computeMicros: number): void {
    const { settings, logger } = this.#init;
    if (runner.kind !== "inline" || settings.execution !== "auto" || this.#pool.kind !== "inline") return;
    this.#slowRuns = computeMicros > settings.inlineBelowMicros * tooSlow.factor ? this.#slowRuns + 1 : 0;
    if (this.#slowRuns < tooSlow.runs) return;
    // A move that fails is tried again after as many slow runs.
    this.#slowRuns = 0;
    const fields = { model: this.name, version: this.version, computeMicros: Math.round(computeMicros) };
    logger.warn(fields, "a model that ran inline is slow and is moved to a worker");
    void this.#pool.move("worker");
  }

  #settleDrain(): void {
    if (this.#drained !== null && this.#queue.size + this.#running === 0) this.#drained();
  }

  #refuseAll(): void {
    for (const request of this.#queue.takeAll()) request.fail(this.#unavailable());
    this.#settleDrain();
  }

  #unavailable(): Error {
    const reason = "all its instances died and could not be started again";
    return computeError("MODEL_UNAVAILABLE", { model: this.name, reason });
  }
}
