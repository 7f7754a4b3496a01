/** Fewer rows are sorted by comparison: the counters of a radix sort would cost more. */
const few = 2048;
const digitBits = 11;
const digits = 1 << digitBits;
const word = 0x100000000;

/** Units that times are often whole multiples of, in microseconds: a minute, a second, a millisecond. */
const units = [60_000_000, 1_000_000, 1_000] as const;

/**
 * Sorts rows by time, leaving equal times as they stand: a radix sort of least significant digit first, linear in the rows.
 * +Infinity is the greatest of all times; rows of NaN come among the first.
 *
 * @param rows the number of every row, in any order; if they are sorted already they are given back as they are
 * @param times whole epoch microseconds, by row
 */
export function sortByTime(rows: Uint32Array, times: Float64Array): Uint32Array {
  const range = rangeOf(rows, times);
  if (range.ascending) return rows;
  if (rows.length < few || !Number.isSafeInteger(range.greatest - range.least))
    return rows.slice().sort((a, b) => compare(times[a] as number, times[b] as number));
  const unit = unitOf(times, range.least);
  const steps = Math.max(0, (range.greatest - range.least) / unit) + 1;
  const low = new Uint32Array(times.length);
  const high = steps < word ? undefined : new Uint32Array(times.length);
  for (let row = 0; row < times.length; row++) {
    const time = times[row] as number;
    const step = time === Infinity ? steps : (time - range.least) / unit;
    // Stored modulo 2^32; NaN as 0.
    low[row] = step;
    if (high !== undefined) high[row] = step / word;
  }
  const sorted = byDigits(rows, low, high === undefined ? bitsOf(steps) : 32);
  return high === undefined ? sorted : byDigits(sorted, high, bitsOf(steps / word));
}

function rangeOf(
  rows: Uint32Array,
  times: Float64Array,
): { readonly ascending: boolean; readonly least: number; readonly greatest: number } {
  let ascending = true;
  let least = Infinity;
  let greatest = -Infinity;
  let before = -Infinity;
  for (let i = 0; i < rows.length; i++) {
    const time = times[rows[i] as number] as number;
    // A NaN after anything is out of order.
    if (!(time >= before)) ascending = false;
    before = time;
    if (time < least) least = time;
    if (time > greatest && time !== Infinity) greatest = time;
  }
  return { ascending, least, greatest };
}

const compare = (a: number, b: number): number => {
  if (a === b) return 0;
  if (Number.isNaN(a)) return Number.isNaN(b) ? 0 : -1;
  return a < b ? -1 : 1;
};

/** The coarsest unit that every distance from `least` is a whole multiple of. */
function unitOf(times: Float64Array, least: number): number {
  return (
    units.find((unit) => {
      for (let i = 0; i < times.length; i++) {
        const distance = (times[i] as number) - least;
        if (distance < Infinity && Math.floor(distance / unit) * unit !== distance) return false;
      }
      return true;
    }) ?? 1
  );
}

const bitsOf = (greatest: number): number => Math.floor(Math.log2(Math.max(1, greatest))) + 1;

/** Sorts rows by 32-bit words, of which the lower `bits` are used. */
function byDigits(rows: Uint32Array, wordOf: Uint32Array, bits: number): Uint32Array {
  let from = rows;
  let keys = new Uint32Array(rows.length);
  for (let i = 0; i < rows.length; i++) keys[i] = wordOf[rows[i] as number] as number;
  let nextKeys = new Uint32Array(rows.length);
  let spare: Uint32Array | undefined;
  for (let shift = 0; shift < bits; shift += digitBits) {
    const to = spare ?? new Uint32Array(rows.length);
    const next = starts(keys, shift);
    for (let i = 0; i < from.length; i++) {
      const key = keys[i] as number;
      const digit = (key >>> shift) & (digits - 1);
      const at = next[digit] as number;
      next[digit] = at + 1;
      to[at] = from[i] as number;
      nextKeys[at] = key;
    }
    spare = from === rows ? undefined : from;
    from = to;
    [keys, nextKeys] = [nextKeys, keys];
  }
  return from;
}

/** Where the rows of each digit begin. */
function starts(keys: Uint32Array, shift: number): Uint32Array {
  const next = new Uint32Array(digits);
  for (let i = 0; i < keys.length; i++) {
    const digit = ((keys[i] as number) >>> shift) & (digits - 1);
    next[digit] = (next[digit] as number) + 1;
  }
  let sum = 0;
  for (let digit = 0; digit < digits; digit++) {
    const count = next[digit] as number;
    next[digit] = sum;
    sum += count;
  }
  return next;
}
