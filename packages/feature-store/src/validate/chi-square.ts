export interface ChiSquare {
  readonly statistic: number;
  readonly degreesOfFreedom: number;
  readonly pValue: number;
}

/**
 * Pearson's test of homogeneity: whether two lists of counts over the same categories are of one distribution. Categories
 * that neither has are left out. A p-value of 1 when fewer than two remain. Expected counts below five make it unreliable.
 *
 * Source: Pearson (1900); Abramowitz and Stegun 6.5 and 26.4 for the incomplete gamma function.
 */
export function chiSquare(reference: readonly number[], current: readonly number[]): ChiSquare {
  const before = reference.reduce((sum, count) => sum + count, 0);
  const after = current.reduce((sum, count) => sum + count, 0);
  let statistic = 0;
  let categories = 0;
  reference.forEach((count, i) => {
    const other = current[i] ?? 0;
    const both = count + other;
    if (both === 0) return;
    categories++;
    for (const [found, size] of [
      [count, before],
      [other, after],
    ] as const) {
      const expected = (both * size) / (before + after);
      if (expected > 0) statistic += (found - expected) ** 2 / expected;
    }
  });
  const degreesOfFreedom = Math.max(0, categories - 1);
  const pValue = degreesOfFreedom === 0 ? 1 : upperGamma(degreesOfFreedom / 2, statistic / 2);
  return { statistic, degreesOfFreedom, pValue };
}

/** The regularised upper incomplete gamma function Q(a, x), by its series or its continued fraction (Lentz). */
function upperGamma(a: number, x: number): number {
  if (x <= 0) return 1;
  const scale = Math.exp(a * Math.log(x) - x - logGamma(a));
  if (x < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let n = 1; n < 10_000 && term > sum * 1e-17; n++) {
      term *= x / (a + n);
      sum += term;
    }
    return Math.max(0, 1 - scale * sum);
  }
  let b = x + 1 - a;
  let c = 1e300;
  let d = 1 / b;
  let fraction = d;
  for (let n = 1; n < 10_000; n++) {
    const factor = -n * (n - a);
    b += 2;
    d = 1 / (factor * d + b);
    c = b + factor / c;
    fraction *= c * d;
    if (Math.abs(c * d - 1) < 1e-15) break;
  }
  return scale * fraction;
}

const lanczos = [
  676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059, 12.507343278686905,
  -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];

/** Lanczos's approximation with g = 7, to about 15 digits for x >= 0.5. */
function logGamma(x: number): number {
  const z = x - 1;
  const t = z + 7.5;
  const sum = lanczos.reduce((total, factor, i) => total + factor / (z + i + 1), 0.99999999999980993);
  return 0.5 * Math.log(2 * Math.PI) + (z + 0.5) * Math.log(t) - t + Math.log(sum);
}
