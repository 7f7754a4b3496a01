import type { Worker } from "node:worker_threads";
import { computeError } from "../errors.ts";
import { startThread } from "../start-thread.ts";
import { createControl, stopAll, VIRTUAL_SHARDS } from "./all-reduce.ts";
import { boundedInteger } from "./hyperparameter.ts";
import type { StepProgress } from "./program.ts";
import type { TrainingInput, TrainingState } from "./state.ts";

/** How often the state is offered as a checkpoint: by steps or by time. */
export interface CheckpointInterval {
  readonly everySteps?: number;
  readonly everyMs?: number;
}

export interface DataParallelOptions {
  readonly input: TrainingInput;
  /** Worker threads, 1 to 16. The result does not depend on it. */
  readonly workers: number;
  readonly checkpoint?: CheckpointInterval;
  readonly onProgress?: (progress: StepProgress) => void;
  readonly onCheckpoint?: (state: TrainingState) => void;
  readonly signal?: AbortSignal;
  /** The module each thread runs. @default the training programs of this package */
  readonly entry?: URL;
}

/** What a worker thread is started with. */
export interface WorkerStart {
  readonly rank: number;
  readonly workers: number;
  readonly control: SharedArrayBuffer;
  readonly input: TrainingInput;
  readonly checkpoint?: CheckpointInterval;
}

export type WorkerMessage =
  | { readonly type: "progress"; readonly progress: StepProgress }
  | { readonly type: "checkpoint"; readonly state: TrainingState }
  | { readonly type: "diverged"; readonly kind: string; readonly step: number; readonly loss: number }
  | { readonly type: "finished"; readonly state?: TrainingState };

/**
 * Runs one training program in worker threads and resolves with the state it ends in. The caller's event loop stays free.
 *
 * @throws WORKER_DIED when a thread ends before its work does; the others are stopped first
 * @throws TRAINING_DIVERGED when the loss is no longer a number
 * @throws the signal's reason when aborted
 */
export async function runDataParallel(options: DataParallelOptions): Promise<TrainingState> {
  const workers = boundedInteger("workers", options.workers, 1, VIRTUAL_SHARDS);
  options.signal?.throwIfAborted();
  const control = createControl();
  const entry =
    options.entry ?? new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url);
  const threads: Worker[] = [];
  const exits: Promise<unknown>[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<TrainingState>();
  const onAbort = (): void => reject(options.signal?.reason);
  options.signal?.addEventListener("abort", onAbort, { once: true });

  try {
    for (let rank = 0; rank < workers; rank++) {
      const start: WorkerStart = {
        rank,
        workers,
        control,
        input: options.input,
        ...(options.checkpoint === undefined ? {} : { checkpoint: options.checkpoint }),
      };
      const thread = startThread(entry, { workerData: start });
      threads.push(thread);
      exits.push(watch(thread, rank, options, resolve, reject));
    }
    return await promise;
  } finally {
    options.signal?.removeEventListener("abort", onAbort);
    stopAll(control);
    await Promise.all(threads.map((thread) => thread.terminate()));
    await Promise.all(exits);
  }
}

/** Follows one thread until it has exited. */
function watch(
  thread: Worker,
  rank: number,
  options: DataParallelOptions,
  resolve: (state: TrainingState) => void,
  reject: (error: unknown) => void,
): Promise<void> {
  let finished = false;
  const died = (reason: string, cause?: unknown): void =>
    reject(computeError("WORKER_DIED", { rank, workers: options.workers, reason }, { cause }));
  thread.on("message", (message: WorkerMessage) => {
    try {
      if (message.type === "progress") options.onProgress?.(message.progress);
      else if (message.type === "checkpoint") options.onCheckpoint?.(message.state);
      else if (message.type === "diverged") {
        const { kind, step, loss } = message;
        reject(computeError("TRAINING_DIVERGED", { kind, step, loss: String(loss) }));
      } else {
        finished = true;
        if (message.state !== undefined) resolve(message.state);
      }
    } catch (error) {
      reject(error);
    }
  });
  thread.on("error", (error) => {
    died(error instanceof Error ? error.message : String(error), error);
  });
  return new Promise((exited) => {
    thread.on("exit", (code) => {
      if (!finished) died(`it exited with code ${code}`);
      exited();
    });
  });
}
