/**
 * Gradients and hessians are summed as whole multiples of this. A sum of at most 2^26 of them stays below 2^53, where a
 * float64 holds whole numbers exactly: sums are exact, so neither their order nor the number of workers can change them.
 */
export const GRADIENT_UNIT: number = 2 ** -26;

/** Rows above this could overflow an exact sum. */
export const MAX_TREE_ROWS: number = 2 ** 26;

/** Where each feature's bins lie in a histogram: two cells per bin, the sum of gradients and that of hessians. */
export interface HistogramLayout {
  readonly features: number;
  /** Number of bins of values for each feature; the bin of missing values comes after them. */
  readonly binCounts: Int32Array;
  /** First cell of each feature. */
  readonly offsets: Int32Array;
  /** Cells in all. */
  readonly cells: number;
}

export function histogramLayout(binCounts: ArrayLike<number>): HistogramLayout {
  const offsets = new Int32Array(binCounts.length);
  let cells = 0;
  for (let f = 0; f < binCounts.length; f++) {
    offsets[f] = cells;
    cells += 2 * (binCounts[f]! + 1);
  }
  return { features: binCounts.length, binCounts: Int32Array.from(binCounts), offsets, cells };
}

/** Adds the given rows. Row-major bins make one or two cache lines of a row, whichever leaf it is in. */
export function accumulate(
  histogram: Float64Array,
  layout: HistogramLayout,
  bins: Uint8Array,
  rows: Int32Array,
  start: number,
  end: number,
  gradients: Int32Array,
  hessians: Int32Array,
): void {
  const { features, offsets } = layout;
  for (let i = start; i < end; i++) {
    const row = rows[i]!;
    const gradient = gradients[row]!;
    const hessian = hessians[row]!;
    const base = row * features;
    let f = 0;
    // Two features at a time: their cells never coincide, so the additions need not wait for one another.
    for (; f + 1 < features; f += 2) {
      const cell = offsets[f]! + (bins[base + f]! << 1);
      const other = offsets[f + 1]! + (bins[base + f + 1]! << 1);
      histogram[cell] = histogram[cell]! + gradient;
      histogram[cell + 1] = histogram[cell + 1]! + hessian;
      histogram[other] = histogram[other]! + gradient;
      histogram[other + 1] = histogram[other + 1]! + hessian;
    }
    if (f < features) {
      const cell = offsets[f]! + (bins[base + f]! << 1);
      histogram[cell] = histogram[cell]! + gradient;
      histogram[cell + 1] = histogram[cell + 1]! + hessian;
    }
  }
}
