import type { NumberDistribution } from "./distribution.ts";
import { quantileOf } from "./quantile.ts";

/** How many of each side are in each bin. */
export type Bins = readonly [reference: readonly number[], current: readonly number[]];

/** Where a bin ends: with the value, or just before it. */
interface Cut {
  readonly value: number;
  readonly closed: boolean;
}

const deciles = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

/**
 * Bins between the deciles of the reference, and one of the nulls. A value that a tenth of the reference has, such as a zero or
 * a constant, is a bin by itself: what is less is not like it.
 */
export function numberBins(before: NumberDistribution, after: NumberDistribution): Bins {
  const cuts = cutsOf(before.sample);
  const counted = ({ sample, count, nulls }: NumberDistribution): number[] => {
    const upTo = [...cuts.map((cut) => below(sample, cut)), sample.length];
    // The sample stands for all that are not null.
    const scale = sample.length === 0 ? 0 : (count - nulls) / sample.length;
    return [...upTo.map((end, i) => (end - (upTo[i - 1] ?? 0)) * scale), nulls];
  };
  return [counted(before), counted(after)];
}

function cutsOf(sample: Float64Array): readonly Cut[] {
  if (sample.length === 0) return [];
  return [...new Set(deciles.map((q) => quantileOf(sample, q)))].flatMap((value): Cut[] => {
    const [open, closed] = [false, true].map((each): Cut => ({ value, closed: each })) as [Cut, Cut];
    const heap = below(sample, closed) - below(sample, open);
    return heap * 10 >= sample.length ? [open, closed] : [closed];
  });
}

/** How many values are in the bins that end with the cut. */
function below(sorted: Float64Array, { value, closed }: Cut): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const found = sorted[middle] as number;
    if (closed ? found <= value : found < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
