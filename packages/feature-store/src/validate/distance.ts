/** The least share a bin is taken to have: without it one empty bin would make the index infinite. */
const least = 1e-4;

/**
 * The population stability index of two distributions over the same bins: the sum of (q - p) ln(q / p). Symmetric; 0 when
 * they are equal. Read by custom as: below 0.1 stable, above 0.25 another population. Empty bins count as a share of 0.0001.
 *
 * Source: Siddiqi, "Credit Risk Scorecards" (2006); Yurdakul, "Statistical properties of PSI" (2018). It is Jeffreys' divergence.
 */
export function populationStability(reference: readonly number[], current: readonly number[]): number {
  const p = shares(reference);
  const q = shares(current);
  return p.reduce((sum, share, i) => {
    const before = Math.max(share, least);
    const after = Math.max(q[i] ?? 0, least);
    return sum + (after - before) * Math.log(after / before);
  }, 0);
}

/**
 * The Jensen-Shannon distance of two distributions over the same bins: the square root of the divergence to base 2, a metric
 * from 0, equal, to 1, disjoint.
 *
 * Source: Lin, "Divergence measures based on the Shannon entropy" (1991); Endres and Schindelin (2003) for the root.
 */
export function jensenShannon(reference: readonly number[], current: readonly number[]): number {
  const p = shares(reference);
  const q = shares(current);
  const divergence = p.reduce((sum, share, i) => {
    const other = q[i] ?? 0;
    const middle = (share + other) / 2;
    return sum + (relative(share, middle) + relative(other, middle)) / 2;
  }, 0);
  return Math.sqrt(Math.min(1, Math.max(0, divergence)));
}

const relative = (share: number, middle: number): number => (share === 0 ? 0 : share * Math.log2(share / middle));

function shares(counts: readonly number[]): number[] {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count) => (total === 0 ? 0 : count / total));
}
