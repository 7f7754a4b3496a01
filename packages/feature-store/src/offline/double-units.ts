const words = new Float64Array(1);
const bits = new BigInt64Array(words.buffer);
const mantissaBits = 52n;

/** A finite double in units of 2^-1074, the least there is: any sum of them is a whole number. */
export function toUnits(value: number): bigint {
  words[0] = Math.abs(value);
  const exponent = (bits[0] as bigint) >> mantissaBits;
  const mantissa = BigInt.asUintN(52, bits[0] as bigint);
  const units = exponent === 0n ? mantissa : (mantissa | (1n << mantissaBits)) << (exponent - 1n);
  return value < 0 ? -units : units;
}

/** The double nearest to `units` times 2^-scale, ties to even; infinite beyond the greatest. @param scale default 1074 */
export function fromUnits(units: bigint, scale = 1074): number {
  const magnitude = units < 0n ? -units : units;
  const excess = magnitude.toString(2).length - 53;
  // Below the least normal number fewer bits are left.
  const drop = BigInt(Math.max(0, excess, scale - 1074));
  let kept = magnitude >> drop;
  const rest = magnitude - (kept << drop);
  const half = drop === 0n ? 1n : 1n << (drop - 1n);
  if (rest > half || (rest === half && drop > 0n && (kept & 1n) === 1n)) kept++;
  const exponent = Number(drop) - scale;
  // In two steps: the power of two itself may be out of range where the product is not.
  const first = Math.max(-1000, Math.min(1000, exponent));
  const result = Number(kept) * 2 ** first * 2 ** (exponent - first);
  return units < 0n ? -result : result;
}
