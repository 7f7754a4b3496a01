import type { Clock } from "@ashlar/core";

import { computeError } from "../errors.ts";
import type { Runner, RunResult } from "./runner.ts";
import type { RunnerPool } from "./runner-pool.ts";
import type { Tensor } from "./tensor.ts";

export interface RunGuard {
  readonly model: string;
  readonly pool: RunnerPool;
  readonly clock: Clock;
  readonly hedgeAfterMs: number | null;
  readonly runTimeoutMs: number | null;
  /** Takes the inputs of a run back when it has come to its end. */
  readonly onSpent: (inputs: readonly Tensor[]) => void;
}

/**
 * Runs a batch with a limit of time, and on a second free instance when the first is slow; the first answer counts.
 * Each instance goes back to the pool when its own run has ended.
 *
 * @throws INFERENCE_RUN_TIMEOUT after which the instance is given up, and what `Runner.run` throws
 */
export async function runGuarded(guard: RunGuard, runner: Runner, inputs: () => readonly Tensor[]): Promise<RunResult> {
  const done = new AbortController();
  const first = runLimited(guard, runner, inputs());
  if (guard.hedgeAfterMs === null) return first;
  // A run that fails is not repeated: what fails once fails twice.
  first.catch(() => done.abort());
  try {
    return await Promise.any([first, hedge(guard, inputs, done.signal, first)]);
  } catch (error) {
    throw error instanceof AggregateError ? error.errors[0] : error;
  } finally {
    done.abort();
  }
}

/** Waits, then runs the batch on a free instance; when there is none the first run is all there is. */
async function hedge(
  guard: RunGuard,
  inputs: () => readonly Tensor[],
  done: AbortSignal,
  first: Promise<RunResult>,
): Promise<RunResult> {
  await guard.clock.sleep(guard.hedgeAfterMs ?? 0, { signal: done });
  const second = guard.pool.take();
  return second === undefined ? first : runLimited(guard, second, inputs());
}

async function runLimited(
  { model, clock, pool, runTimeoutMs, onSpent }: RunGuard,
  runner: Runner,
  inputs: readonly Tensor[],
): Promise<RunResult> {
  const ended = new AbortController();
  let timedOut = false;
  const giveUp = (): void => {
    timedOut = true;
    runner.abandon(`its run took more than ${runTimeoutMs} ms`);
  };
  if (runTimeoutMs !== null) clock.sleep(runTimeoutMs, { signal: ended.signal }).then(giveUp, () => {});
  try {
    const result = await runner.run(inputs);
    onSpent(inputs);
    return result;
  } catch (error) {
    if (!timedOut || runTimeoutMs === null) throw error;
    throw computeError("INFERENCE_RUN_TIMEOUT", { model, runTimeoutMs }, { cause: error });
  } finally {
    ended.abort();
    pool.release(runner);
  }
}
