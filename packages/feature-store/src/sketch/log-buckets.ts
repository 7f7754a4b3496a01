const words = new Float64Array(1);
const halves = new Uint32Array(words.buffer);

/** How many bits of the mantissa tell buckets apart, for so small a relative error: 6 for 1 %. From 1 to 12. */
export function bucketBits(relativeError: number): number {
  let bits = 1;
  while (bits < 12 && 1 / (2 ** (bits + 1) + 1) > relativeError) bits++;
  return bits;
}

/**
 * The bucket of a number: its exponent and the first bits of its mantissa, negative for a negative one. Buckets ascend as
 * numbers do, NaN above all. Numbers below the least normal one, 2.3e-308, are in the bucket of 0.
 *
 * Unlike a logarithm it is exact, so that a number is in one bucket on every machine. An octave has 2^bits buckets.
 */
export function bucketOf(value: number, bits: number): number {
  if (Number.isNaN(value)) return (2047 << bits) + 1;
  words[0] = value;
  const high = halves[1] as number;
  const magnitude = (high & 0x7fffffff) >>> (20 - bits);
  if (magnitude < 1 << bits) return 0;
  return high >>> 31 === 1 ? -magnitude : magnitude;
}

/** The number that stands for a bucket: off every number in it by at most a share of 1 / (2^(bits + 1) + 1). */
export function valueOfBucket(bucket: number, bits: number): number {
  const magnitude = Math.abs(bucket);
  if (magnitude === 0) return 0;
  const high = magnitude * 2 ** (20 - bits);
  if (high >= 0x7ff00000) return magnitude > 2047 << bits ? NaN : Math.sign(bucket) * Infinity;
  halves[0] = 0;
  halves[1] = high;
  const lowest = words[0] as number;
  // Of the bounds a and a + 1, in steps of the bucket's width: 2a(a + 1) / (2a + 1) is off both by the same share.
  const steps = 2 ** bits + (magnitude & ((1 << bits) - 1));
  return Math.sign(bucket) * lowest * ((2 * steps + 2) / (2 * steps + 1));
}
