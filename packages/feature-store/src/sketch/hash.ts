const words = new Float64Array(1);
const halves = new Int32Array(words.buffer);

/** A hash of 64 bits in two halves, the same in every process: a sketch of one meets that of another. */
export interface Hash {
  readonly first: number;
  readonly second: number;
}

/** -0 is 0, and NaN is one value. */
export function hashNumber(value: number): Hash {
  if (Number.isNaN(value)) return spread(0, 0x7ff80000);
  words[0] = value === 0 ? 0 : value;
  return spread(halves[0] as number, halves[1] as number);
}

/** As `hashNumber` where the integer is a double exactly, so that it does not matter what a column had to be read as. */
export function hashInteger(value: bigint): Hash {
  const double = Number(value);
  if (BigInt(double) === value) return hashNumber(double);
  return spread(Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)));
}

export function hashText(value: string): Hash {
  let low = 0x9747b28c;
  let high = 0x3c6ef372;
  for (let i = 0; i < value.length; i++) {
    const unit = value.charCodeAt(i);
    low = Math.imul(low ^ unit, 0x01000193);
    high = Math.imul(high ^ unit, 0x85ebca77);
  }
  return spread(low, high ^ value.length);
}

/** One to one: what has different bits has a different hash. */
function spread(low: number, high: number): Hash {
  const first = mix(low ^ Math.imul(high, 0x9e3779b1));
  return { first, second: mix(high ^ Math.imul(first, 0x85ebca6b)) };
}

/** The finaliser of MurmurHash3: every bit of the input moves every bit of the output. */
function mix(word: number): number {
  let h = word;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
