import { computeError } from "../errors.ts";
import { type CheckpointOptions, Checkpoints, type Fingerprint } from "./checkpoint.ts";
import { type CheckpointInterval, runDataParallel } from "./data-parallel.ts";
import type { TrainingInput, TrainingState } from "./state.ts";

/** What all trainers take beside the data and their hyperparameters. */
export interface TrainingOptions {
  /** Worker threads, 1 to 16; the model does not depend on it. @default 1 */
  readonly workers?: number;
  /** Of every random choice: 0 to 2^32 - 1. @default 0 */
  readonly seed?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: TrainingProgress) => void;
  /** Save the state as training goes on, and go on from a saved one, to the same model bit for bit. */
  readonly checkpoint?: CheckpointOptions;
}

export interface TrainingProgress {
  /** Trees, epochs or iterations done. */
  readonly round: number;
  readonly rounds: number;
  /** Mean log loss of the training rows. */
  readonly loss: number;
  readonly validationLoss?: number;
  /** Since the call. */
  readonly seconds: number;
}

/**
 * Loads the checkpoint, runs the workers, saves as asked, and saves the end, so that a call repeated after it answers
 * at once. A save that fails ends the run with what the store threw; the checkpoint before it stays.
 */
export async function runTraining(
  options: TrainingOptions,
  fingerprint: () => Fingerprint,
  input: (resume: TrainingState | undefined) => TrainingInput,
): Promise<{ readonly state: TrainingState; readonly seconds: number }> {
  const began = performance.now();
  const seconds = (): number => (performance.now() - began) / 1000;
  const interval = options.checkpoint === undefined ? undefined : parseInterval(options.checkpoint.every ?? "30s");
  const checkpoints = options.checkpoint === undefined ? undefined : new Checkpoints(options.checkpoint, fingerprint());
  const resumed = await checkpoints?.load(options.signal);
  if (resumed?.done === true) return { state: resumed, seconds: seconds() };

  const { onProgress } = options;
  const signals = [options.signal, checkpoints?.failed].filter((signal) => signal !== undefined);
  const state = await runDataParallel({
    input: input(resumed),
    workers: options.workers ?? 1,
    ...(interval === undefined ? {} : { checkpoint: interval }),
    signal: AbortSignal.any(signals),
    ...(onProgress === undefined
      ? {}
      : {
          onProgress: ({ step, steps, ...rest }) =>
            onProgress({ round: step, rounds: steps, seconds: seconds(), ...rest }),
        }),
    ...(checkpoints === undefined ? {} : { onCheckpoint: (saved) => checkpoints.offer(saved) }),
  }).finally(() => checkpoints?.settled());
  checkpoints?.offer(state);
  await checkpoints?.settled();
  return { state, seconds: seconds() };
}

const UNITS = { ms: 1, s: 1000, m: 60_000 } as const;

/** @throws HYPERPARAMETER_INVALID */
export function parseInterval(every: NonNullable<CheckpointOptions["every"]>): CheckpointInterval {
  if (typeof every === "number" && Number.isInteger(every) && every >= 1) return { everySteps: every };
  const match = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(String(every));
  if (match !== null) return { everyMs: Number(match[1]) * UNITS[match[2] as keyof typeof UNITS] };
  throw computeError("HYPERPARAMETER_INVALID", {
    name: "checkpoint.every",
    value: String(every),
    rule: 'a whole number of rounds above 0, or a time such as "30s", "500ms" or "5m"',
  });
}
