import { featureStoreError } from "../errors.ts";

export interface KolmogorovSmirnov {
  /** The greatest distance of the two empirical distribution functions. */
  readonly statistic: number;
  /** How likely so great a distance is when both are samples of one distribution. */
  readonly pValue: number;
}

/** Up to this product of sample sizes the p-value is exact. */
const exactCells = 1_000_000;

/**
 * The two-sample Kolmogorov-Smirnov test, two-sided, of ascending samples. The p-value is exact for samples up to 1,000 by
 * 1,000, then by the limiting distribution; with ties it errs to the greater side.
 *
 * Source: Hodges, "The significance probability of the Smirnov two-sample test" (1958); Smirnov (1939) for the limit.
 *
 * @throws REQUEST_INVALID when a sample is empty
 */
export function kolmogorovSmirnov(reference: Float64Array, current: Float64Array): KolmogorovSmirnov {
  const n = reference.length;
  const m = current.length;
  if (n === 0 || m === 0)
    throw featureStoreError("REQUEST_INVALID", { rule: "a sample is empty, and has no distribution" });
  const steps = greatestDistance(reference, current);
  const statistic = steps / (n * m);
  const pValue = n * m <= exactCells ? exact(steps, n, m) : limiting(Math.sqrt((n * m) / (n + m)) * statistic);
  return { statistic, pValue };
}

/** The greatest |i m - j n|, over i values of one and j of the other at or below a point: whole, so exact. */
function greatestDistance(a: Float64Array, b: Float64Array): number {
  let i = 0;
  let j = 0;
  let greatest = 0;
  while (i < a.length && j < b.length) {
    const point = Math.min(a[i] as number, b[j] as number);
    while (i < a.length && a[i] === point) i++;
    while (j < b.length && b[j] === point) j++;
    greatest = Math.max(greatest, Math.abs(i * b.length - j * a.length));
  }
  return greatest;
}

/** The share of lattice paths from (0, 0) to (n, m) that come as far from the diagonal as the samples did. */
function exact(steps: number, n: number, m: number): number {
  if (steps === 0) return 1;
  const reached = new Float64Array(m + 1);
  for (let i = 0; i <= n; i++) {
    for (let j = 0; j <= m; j++) {
      if (Math.abs(i * m - j * n) >= steps) reached[j] = 1;
      else if (i === 0) reached[j] = j === 0 ? 0 : (reached[j - 1] as number);
      else if (j > 0) reached[j] = ((reached[j] as number) * i + (reached[j - 1] as number) * j) / (i + j);
    }
  }
  return reached[m] as number;
}

/** Kolmogorov's distribution: 2 sum (-1)^(k-1) exp(-2 k^2 x^2), or its theta-function form where that converges faster. */
function limiting(x: number): number {
  if (x <= 0) return 1;
  if (x < 1) {
    let sum = 0;
    for (let k = 1; k <= 20; k++) sum += Math.exp(-((2 * k - 1) ** 2 * Math.PI ** 2) / (8 * x * x));
    return 1 - (Math.sqrt(2 * Math.PI) / x) * sum;
  }
  let sum = 0;
  for (let k = 1; k <= 20; k++) sum += (k % 2 === 1 ? 1 : -1) * Math.exp(-2 * k * k * x * x);
  return Math.min(1, 2 * sum);
}
