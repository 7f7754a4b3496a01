/** How a training went. */
export interface TrainingSummary {
  /** Trees, epochs or iterations in the model. */
  readonly rounds: number;
  /** Rows trained on. */
  readonly rows: number;
  /** Mean log loss of the training rows after each round done, early-stopped ones included. */
  readonly losses: readonly number[];
  /** The same of the validation rows; empty without them. */
  readonly validationLosses: readonly number[];
  /** Wall time of this call, without what was resumed. */
  readonly seconds: number;
}

/** Number of rounds to keep: up to the lowest validation loss, or all without validation. */
export function bestRound(validationLosses: ArrayLike<number>, rounds: number): number {
  let best = 0;
  for (let i = 1; i < validationLosses.length; i++) if (validationLosses[i]! < validationLosses[best]!) best = i;
  return validationLosses.length === 0 ? rounds : best + 1;
}
