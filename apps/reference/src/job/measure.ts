import { auc, logLoss } from "@ashlar/compute/training";

/** How well a model ranks, and how well its probabilities hold, on rows it has not seen. */
export interface Score {
  readonly auc: number;
  readonly logLoss: number;
}

export function score(labels: ArrayLike<number>, probabilities: ArrayLike<number>): Score {
  return { auc: auc(labels, probabilities), logLoss: logLoss(labels, probabilities) };
}
