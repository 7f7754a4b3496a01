import type { Hash } from "./hash.ts";

/** The greatest rank: of 32 bits, the last is not looked at. */
export const mostRank = 32;

/** The rank of a hash, from 1 to 32: one more than the zeros its second half begins with. */
export const rankOf = ({ second }: Hash): number => Math.min(Math.clz32(second) + 1, mostRank);

/** The register that a hash belongs to: the first bits of its first half. */
export const registerOf = ({ first }: Hash, precision: number): number => first >>> (32 - precision);

/** One half over the logarithm of 2. */
const alpha = 0.7213475204444817;

/**
 * How many different values went into registers, without bias from none to 2^31.
 *
 * Of additions, multiplications and square roots alone, in one order: the same histogram gives the same bits everywhere.
 *
 * Source: Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (2017), algorithm 6.
 *
 * @param histogram how many registers have each rank, from 0 to 32
 */
export function cardinality(histogram: Float64Array, precision: number): number {
  const registers = 2 ** precision;
  let z = registers * tau(1 - (histogram[mostRank] as number) / registers);
  for (let rank = mostRank - 1; rank >= 1; rank--) z = 0.5 * (z + (histogram[rank] as number));
  z += registers * sigma((histogram[0] as number) / registers);
  return Math.round((alpha * registers * registers) / z);
}

function sigma(share: number): number {
  if (share === 1) return Infinity;
  let x = share;
  let y = 1;
  let z = share;
  for (let before = NaN; z !== before; y += y) {
    x *= x;
    before = z;
    z += x * y;
  }
  return z;
}

function tau(share: number): number {
  if (share === 0 || share === 1) return 0;
  let x = share;
  let y = 1;
  let z = 1 - share;
  for (let before = NaN; z !== before;) {
    x = Math.sqrt(x);
    before = z;
    y *= 0.5;
    z -= (1 - x) ** 2 * y;
  }
  return z / 3;
}
