import type { WorkerGroup } from "./all-reduce.ts";
import type { TrainingInput, TrainingState } from "./state.ts";

/** What a training program tells the thread that started it. Only rank 0 is heard. */
export interface Reporter {
  progress(progress: StepProgress): void;
  /** Offers the state; it is taken when a checkpoint is due. `state` is called only then. */
  checkpoint(step: number, state: () => TrainingState): void;
}

export interface StepProgress {
  readonly step: number;
  readonly steps: number;
  /** Mean log loss of the training rows. */
  readonly loss: number;
  readonly validationLoss?: number;
}

/**
 * The same code runs in every worker (single program, multiple data): all decisions follow from reduced values, which
 * are equal in all workers, so that all take the same branches and meet at the same barriers.
 */
export type TrainingProgram<Input extends TrainingInput = TrainingInput> = (
  input: Input,
  group: WorkerGroup,
  reporter: Reporter,
) => TrainingState;
