import { auc, logLoss } from "@ashlar/compute/training";

/** How well a model ranks, and how well its probabilities hold, on rows it has not seen. */
export interface Score {
  readonly auc: number;
  readonly logLoss: number;
}

/** Log loss of always answering the share of late flights that was seen in training, on other flights. */
export function baseRateLogLoss(
  trained: { readonly rows: number; readonly late: number },
  judged: { readonly rows: number; readonly late: number },
): number {
  const rate = trained.late / trained.rows;
  const share = judged.late / judged.rows;
  return -(share * Math.log(rate) + (1 - share) * Math.log(1 - rate));
}

export function score(labels: ArrayLike<number>, probabilities: ArrayLike<number>): Score {
  return { auc: auc(labels, probabilities), logLoss: logLoss(labels, probabilities) };
}
