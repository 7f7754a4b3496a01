import type { TrainingState } from "./state.ts";

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
