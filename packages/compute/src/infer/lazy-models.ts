import { type Clock, isAshlarError } from "@ashlar/core";

import { computeError } from "../errors.ts";
import type { InternalRequestOptions } from "./pending-request.ts";
import type { InferenceServer, LazyOptions } from "./server.ts";

const defaultHoldMaxBytes = 64 * 2 ** 20;

interface LazyModel extends LazyOptions {
  /** Resolves when it is loaded. */
  waking: Promise<unknown> | null;
  held: number;
  heldBytes: number;
  lastAt: number;
  /** Ends the watch for idleness. */
  watch: AbortController | null;
}

/** What loads a model, and takes it away without forgetting it. */
interface LazyHost extends Pick<InferenceServer, "load"> {
  sleep(name: string): Promise<void>;
  hasSequences(name: string): boolean;
}

/** How often a model whose sequences go on is looked at again, in milliseconds at least. */
const sequencePause = 100;

/** Models that are loaded by their first request, and put to sleep again when none has come for a while. */
export class LazyModels {
  readonly #server: LazyHost;
  readonly #clock: Clock;
  readonly #models: Map<string, LazyModel> = new Map();

  constructor(server: LazyHost, clock: Clock) {
    this.#server = server;
    this.#clock = clock;
  }

  add(name: string, options: LazyOptions): void {
    this.#models.set(name, {
      ...options,
      waking: null,
      held: 0,
      heldBytes: 0,
      lastAt: this.#clock.monotonic(),
      watch: null,
    });
  }

  has(name: string): boolean {
    return this.#models.has(name);
  }

  /** True when it was known. */
  remove(name: string): boolean {
    this.#models.get(name)?.watch?.abort();
    return this.#models.delete(name);
  }

  /** A request has come. */
  touch(name: string): void {
    if (this.#models.size === 0) return;
    const model = this.#models.get(name);
    if (model !== undefined) model.lastAt = this.#clock.monotonic();
  }

  /**
   * Holds a request, whose inputs have so many bytes, until the model is loaded. One alone is held whatever its size.
   *
   * @throws INFERENCE_QUEUE_FULL, INFERENCE_DEADLINE_EXCEEDED, what `load` throws, or the signal's reason
   */
  async wake(name: string, { signal, caller, deadlineMs }: InternalRequestOptions, bytes: number): Promise<void> {
    const model = this.#models.get(name);
    if (model === undefined) return;
    const { holdLimit = 1024, holdMaxBytes = defaultHoldMaxBytes } = model;
    if (model.held >= holdLimit) throw computeError("INFERENCE_QUEUE_FULL", { model: name, queueLimit: holdLimit });
    if (model.held > 0 && model.heldBytes + bytes > holdMaxBytes) {
      throw computeError("INFERENCE_QUEUE_FULL", { model: name, queueLimit: holdMaxBytes, unit: "bytes" });
    }
    model.waking ??= this.#load(name, model);
    model.held++;
    model.heldBytes += bytes;
    const given = new AbortController();
    try {
      const limits: Promise<unknown>[] = [model.waking];
      if (deadlineMs !== undefined) {
        const late = (): never => {
          throw computeError("INFERENCE_DEADLINE_EXCEEDED", { model: name, deadlineMs });
        };
        limits.push(this.#clock.sleep(deadlineMs, { signal: given.signal }).then(late));
      }
      const gone = signal ?? caller?.signal;
      if (gone !== undefined) limits.push(aborted(gone, given.signal));
      await Promise.race(limits);
    } finally {
      model.held--;
      model.heldBytes -= bytes;
      given.abort();
    }
  }

  close(): void {
    for (const model of this.#models.values()) model.watch?.abort();
    this.#models.clear();
  }

  async #load(name: string, model: LazyModel): Promise<void> {
    try {
      const options = await model.load();
      if (this.#models.get(name) !== model) {
        throw computeError("MODEL_UNAVAILABLE", { model: name, reason: "it was unloaded before it was loaded" });
      }
      // Whoever has loaded it meanwhile by hand has done what the requests wait for.
      await this.#server.load(name, options).catch((error: unknown) => {
        if (!isAshlarError(error, "MODEL_ALREADY_LOADED")) throw error;
      });
      if (model.idleUnloadMs !== undefined) void this.#watch(name, model, model.idleUnloadMs);
    } finally {
      model.waking = null;
    }
  }

  async #watch(name: string, model: LazyModel, idleUnloadMs: number): Promise<void> {
    const watch = new AbortController();
    model.watch = watch;
    model.lastAt = this.#clock.monotonic();
    for (;;) {
      const left = model.lastAt + idleUnloadMs - this.#clock.monotonic();
      // With the model a sequence would lose its state.
      if (left <= 0 && !this.#server.hasSequences(name)) break;
      const pause = left > 0 ? left : Math.max(idleUnloadMs, sequencePause);
      const awake = await this.#clock.sleep(pause, { signal: watch.signal }).then(
        () => true,
        () => false,
      );
      if (!awake) return;
    }
    await this.#server.sleep(name).catch(() => {});
  }
}

/** Rejects when the signal is aborted; lets go of it when `done` is. */
function aborted(signal: AbortSignal, done: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true, signal: done });
  });
}
