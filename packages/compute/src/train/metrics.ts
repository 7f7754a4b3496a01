/** 0 and 1, or false and true, as for training; 64-bit integers too, as an ONNX file gives them. */
type Labels = ArrayLike<number | bigint | boolean>;

/**
 * Area under the ROC curve: the chance that a row of label 1 has a higher score than one of label 0, where a tie counts
 * half (the Mann-Whitney statistic, exact). NaN when a class is missing or a score is NaN.
 */
export function auc(labels: Labels, scores: ArrayLike<number>): number {
  if (Array.from(scores).some(Number.isNaN)) return Number.NaN;
  const order = Uint32Array.from({ length: scores.length }, (_, i) => i).sort((a, b) => scores[a]! - scores[b]!);
  let positives = 0;
  let rankSum = 0;
  for (let start = 0; start < order.length;) {
    let end = start;
    let tiedPositives = 0;
    while (end < order.length && scores[order[end]!] === scores[order[start]!])
      tiedPositives += Number(labels[order[end++]!]);
    // All of a tie share the mean of their ranks, start + 1 to end.
    rankSum += (tiedPositives * (start + 1 + end)) / 2;
    positives += tiedPositives;
    start = end;
  }
  const negatives = order.length - positives;
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
}

/** Mean of -log of the probability given to what happened. Probabilities are kept 1e-15 from 0 and 1. */
export function logLoss(labels: Labels, probabilities: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < labels.length; i++) {
    const p = Math.min(Math.max(probabilities[i]!, 1e-15), 1 - 1e-15);
    sum -= Number(labels[i]) === 1 ? Math.log(p) : Math.log1p(-p);
  }
  return sum / labels.length;
}

/** Mean squared difference between probability and label. */
export function brier(labels: Labels, probabilities: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < labels.length; i++) sum += (probabilities[i]! - Number(labels[i])) ** 2;
  return sum / labels.length;
}

/** Share of rows of label 1. */
export function baseRate(labels: Labels): number {
  let sum = 0;
  for (let i = 0; i < labels.length; i++) sum += Number(labels[i]);
  return sum / labels.length;
}
