import { GRADIENT_UNIT, type HistogramLayout } from "./tree-histogram.ts";

export interface SplitRules {
  readonly l2: number;
  /** Least sum of hessians of a child. */
  readonly minChildWeight: number;
  /** Least reduction of the loss. */
  readonly minGain: number;
}

/** The best split of a node: rows whose bin is at most `bin` go left. Sums are in units of {@link GRADIENT_UNIT}. */
export interface Split {
  gain: number;
  feature: number;
  bin: number;
  missingLeft: boolean;
  leftGradient: number;
  leftHessian: number;
}

export const noSplit = (): Split => ({
  gain: 0,
  feature: -1,
  bin: 0,
  missingLeft: false,
  leftGradient: 0,
  leftHessian: 0,
});

/**
 * Searches features `first` to `last - 1` for the split of the largest gain, half the second-order reduction of the
 * regularised log loss (Chen and Guestrin 2016, equation 7). Rows with the feature missing are tried on both sides.
 * Of equal gains the first found stays: the lowest feature, then the lowest bin.
 */
export function findSplit(
  histogram: Float64Array,
  layout: HistogramLayout,
  first: number,
  last: number,
  gradient: number,
  hessian: number,
  rules: SplitRules,
): Split {
  const best = noSplit();
  const l2 = rules.l2 / GRADIENT_UNIT;
  const least = Math.max(rules.minChildWeight / GRADIENT_UNIT, 1);
  const parent = (gradient * gradient) / (hessian + l2);
  let bestScore = parent + (2 * rules.minGain) / GRADIENT_UNIT;
  // A gain must stand above the rounding of the two terms it is the difference of.
  bestScore += Math.abs(bestScore) * 1e-12;

  for (let f = first; f < last; f++) {
    const offset = layout.offsets[f]!;
    const count = layout.binCounts[f]!;
    const missingGradient = histogram[offset + 2 * count]!;
    const missingHessian = histogram[offset + 2 * count + 1]!;
    const someMissing = missingGradient !== 0 || missingHessian !== 0;
    // Behind the last bin all values go left, which parts them from the missing ones.
    const ends = someMissing ? count : count - 1;
    let g = 0;
    let h = 0;
    for (let bin = 0; bin < ends; bin++) {
      g += histogram[offset + 2 * bin]!;
      h += histogram[offset + 2 * bin + 1]!;
      for (let side = 0; side < (someMissing && bin < count - 1 ? 2 : 1); side++) {
        const leftGradient = side === 0 ? g : g + missingGradient;
        const leftHessian = side === 0 ? h : h + missingHessian;
        const rightGradient = gradient - leftGradient;
        const rightHessian = hessian - leftHessian;
        if (leftHessian < least || rightHessian < least) continue;
        const score =
          (leftGradient * leftGradient) / (leftHessian + l2) + (rightGradient * rightGradient) / (rightHessian + l2);
        if (score <= bestScore) continue;
        bestScore = score;
        best.gain = 0.5 * (score - parent) * GRADIENT_UNIT;
        best.feature = f;
        best.bin = bin;
        // Where none is missing yet, a missing value will follow the heavier child.
        best.missingLeft = someMissing ? side === 1 : leftHessian > rightHessian;
        best.leftGradient = leftGradient;
        best.leftHessian = leftHessian;
      }
    }
  }
  return best;
}
