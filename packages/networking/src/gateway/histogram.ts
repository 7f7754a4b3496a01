/** Quantiles of latencies in bounded memory. */
export interface Histogram {
  record(milliseconds: number): void;
  /** Milliseconds that a share of the records does not exceed, to within 5 %; 0 without records. */
  quantile(share: number): number;
}

const perDoubling = 16;
const leastMs = 0.001;
// 16 buckets for each doubling from a microsecond to 71 minutes.
const buckets = perDoubling * 32;

/** A histogram with logarithmic buckets, each 4.4 % wider than the one before. */
export function createHistogram(): Histogram {
  const counts = new Uint32Array(buckets);
  let total = 0;
  return {
    record(milliseconds) {
      const index = Math.floor(Math.log2(Math.max(milliseconds, leastMs) / leastMs) * perDoubling);
      counts[Math.min(index, buckets - 1)]! += 1;
      total += 1;
    },
    quantile(share) {
      if (total === 0) return 0;
      const rank = Math.ceil(share * total);
      let seen = 0;
      let index = 0;
      while (index < buckets - 1 && (seen += counts[index] as number) < rank) index += 1;
      return leastMs * 2 ** ((index + 1) / perDoubling);
    },
  };
}
