import type { Clock, Logger } from "@ashlar/core";

import { computeError } from "../errors.ts";
import { joinRequests, splitOutputs } from "./batch.ts";
import type { Instance } from "./instance.ts";
import type { BatchingPolicy } from "./options.ts";
import { RequestQueue } from "./queue.ts";
import type { PreparedInputs } from "./request.ts";
import { type RequestOptions, track, type TrackedRequest } from "./tracked-request.ts";
import type { ModelSignature } from "./signature.ts";
import type { StatisticsRecorder } from "./statistics.ts";
import type { TypedTensor } from "./tensor.ts";

/** How often a dead instance is started again before it is given up, and the first pause between attempts. */
const restart = { attempts: 5, firstPauseMs: 50 } as const;

export interface ServedModelInit {
  readonly name: string;
  readonly version: string;
  readonly signature: ModelSignature;
  readonly instances: readonly Instance[];
  readonly spawn: () => Promise<Instance>;
  readonly batching: BatchingPolicy;
  readonly statistics: StatisticsRecorder;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** One version of a model that is being served: its instances, its queue, and what moves requests between the two. */
export class ServedModel {
  readonly name: string;
  readonly version: string;
  readonly signature: ModelSignature;
  readonly #init: ServedModelInit;
  readonly #queue: RequestQueue<TrackedRequest> = new RequestQueue();
  readonly #instances: Set<Instance>;
  readonly #idle: Instance[];
  readonly #ending: AbortController = new AbortController();
  #restarting = 0;
  #running = 0;
  #dispatchPlanned = false;
  #delayed: AbortController | null = null;
  #draining = false;
  #drain: Promise<void> | null = null;
  #drained: (() => void) | null = null;

  constructor(init: ServedModelInit) {
    this.name = init.name;
    this.version = init.version;
    this.signature = init.signature;
    this.#init = init;
    this.#instances = new Set(init.instances);
    this.#idle = [...init.instances];
    for (const instance of init.instances) this.#watch(instance);
  }

  /** Instances that can run a batch. */
  get liveInstances(): number {
    return this.#instances.size;
  }

  get configuredInstances(): number {
    return this.#init.instances.length;
  }

  get queued(): number {
    return this.#queue.size;
  }

  /**
   * Queues a checked request.
   *
   * @throws INFERENCE_QUEUE_FULL, INFERENCE_DEADLINE_EXCEEDED, INFERENCE_INSTANCE_CRASHED, INFERENCE_FAILED,
   * MODEL_UNAVAILABLE, or the signal's reason
   */
  submit(inputs: PreparedInputs, options: RequestOptions): Promise<Record<string, TypedTensor>> {
    const { batching, clock, statistics, name } = this.#init;
    if (this.#instances.size === 0 && this.#restarting === 0) throw this.#unavailable();
    if (this.#queue.size >= batching.queueLimit) {
      statistics.refused();
      throw computeError("INFERENCE_QUEUE_FULL", { model: name, queueLimit: batching.queueLimit });
    }
    const { request, answer, arm } = track(inputs, options, {
      model: name,
      clock,
      failed: () => {
        statistics.failed();
        if (this.#queue.remove(request)) this.#settleDrain();
      },
    });
    this.#queue.add(request);
    arm();
    this.#planDispatch();
    return answer;
  }

  /** Answers everything that was accepted, then ends the instances. */
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
    await this.#end();
  }

  /** Refuses what waits, lets the batches that run finish, then ends the instances. */
  async close(): Promise<void> {
    const reason = "its server is closing";
    this.#draining = true;
    const waiting = this.#queue.takeAll();
    for (const request of waiting) request.fail(computeError("MODEL_UNAVAILABLE", { model: this.name, reason }));
    this.#settleDrain();
    await this.drain();
  }

  async #end(): Promise<void> {
    this.#ending.abort();
    await Promise.all([...this.#instances].map((instance) => instance.stop()));
  }

  /** Waits for the end of this turn of the event loop, so that requests which arrive together are run together. */
  #planDispatch(): void {
    if (this.#dispatchPlanned) return;
    this.#dispatchPlanned = true;
    setImmediate(() => {
      this.#dispatchPlanned = false;
      this.#dispatch();
    });
  }

  #dispatch(): void {
    const { batching } = this.#init;
    while (this.#queue.size > 0 && this.#idle.length > 0) {
      const wait = this.#delayLeft();
      if (wait > 0) {
        this.#dispatchLater(wait);
        return;
      }
      const batch = this.#queue.take(batching.maxBatchRows, this.signature.batchable);
      const instance = this.#idle.pop() as Instance;
      this.#running++;
      void this.#run(instance, batch);
    }
  }

  /** Milliseconds for which a batch may still grow. */
  #delayLeft(): number {
    const { batching, clock } = this.#init;
    if (batching.maxDelayMs === 0 || this.#draining || !this.signature.batchable) return 0;
    if (this.#queue.rows >= batching.maxBatchRows) return 0;
    const oldest = this.#queue.first?.acceptedAt ?? 0;
    return oldest + batching.maxDelayMs - clock.monotonic();
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

  async #run(instance: Instance, batch: readonly TrackedRequest[]): Promise<void> {
    const { clock, statistics } = this.#init;
    const sentAt = clock.monotonic();
    try {
      const { outputs, computeMicros } = await instance.run(joinRequests(this.signature, batch));
      const answers = this.#split(outputs, batch);
      statistics.batch(computeMicros);
      const now = clock.monotonic();
      for (const [index, request] of batch.entries()) {
        if (!request.succeed(answers[index] as Record<string, TypedTensor>)) continue;
        statistics.answered(request.rows, (sentAt - request.acceptedAt) * 1000, (now - request.acceptedAt) * 1000);
      }
    } catch (error) {
      for (const request of batch) request.fail(error as Error);
    }
    this.#running--;
    if (this.#instances.has(instance)) this.#idle.push(instance);
    this.#dispatch();
    this.#settleDrain();
  }

  #split(outputs: readonly TypedTensor[], batch: readonly TrackedRequest[]): Record<string, TypedTensor>[] {
    try {
      return splitOutputs(this.signature, outputs, batch);
    } catch (error) {
      throw computeError("INFERENCE_FAILED", { model: this.name, reason: (error as Error).message }, { cause: error });
    }
  }

  #settleDrain(): void {
    if (this.#drained !== null && this.#queue.size + this.#running === 0) this.#drained();
  }

  #watch(instance: Instance): void {
    void instance.exited.then((reason) => {
      this.#instances.delete(instance);
      const index = this.#idle.indexOf(instance);
      if (index >= 0) this.#idle.splice(index, 1);
      if (!this.#ending.signal.aborted) void this.#replace(reason);
    });
  }

  /** Starts an instance in place of a dead one; given up after a few attempts, each after a longer pause. */
  async #replace(reason: string): Promise<void> {
    const { spawn, logger, clock } = this.#init;
    const fields = { model: this.name, version: this.version };
    logger.error({ ...fields, reason }, "an inference instance died and is replaced");
    this.#restarting++;
    try {
      for (let attempt = 1; attempt <= restart.attempts; attempt++) {
        const instance = await spawn().catch((error: unknown) => {
          logger.error({ ...fields, attempt, error }, "an inference instance could not be started");
          return null;
        });
        if (this.#ending.signal.aborted) {
          await instance?.stop();
          return;
        }
        if (instance !== null) {
          this.#instances.add(instance);
          this.#idle.push(instance);
          this.#watch(instance);
          this.#planDispatch();
          return;
        }
        await clock.sleep(restart.firstPauseMs * 2 ** attempt, { signal: this.#ending.signal }).catch(() => {});
      }
    } finally {
      this.#restarting--;
      if (this.#instances.size === 0 && this.#restarting === 0) {
        for (const request of this.#queue.takeAll()) request.fail(this.#unavailable());
        this.#settleDrain();
      }
    }
  }

  #unavailable(): Error {
    const reason = "all its instances died and could not be started again";
    return computeError("MODEL_UNAVAILABLE", { model: this.name, reason });
  }
}
