/**
 * A sum that terms enter and leave, kept in double-double (about 106 bits), so that what left leaves no trace of rounding
 * behind. NaN and infinities are counted apart: added in, they would never leave again.
 *
 * Source: Dekker, "A floating-point technique for extending the available precision" (1971); Knuth's two-sum.
 */
export class RunningSum {
  high = 0;
  low = 0;
  #nan = 0;
  #positive = 0;
  #negative = 0;

  reset(): void {
    this.high = 0;
    this.low = 0;
    this.#nan = 0;
    this.#positive = 0;
    this.#negative = 0;
  }

  add(value: number): void {
    if (value - value === 0) this.#accumulate(value, 0);
    else this.#count(value, 1);
  }

  remove(value: number): void {
    if (value - value === 0) this.#accumulate(-value, 0);
    else this.#count(value, -1);
  }

  /** Adds (`sign` 1) or removes (-1) the square of `value` without rounding it first. */
  square(value: number, sign: 1 | -1): void {
    const high = value * value;
    if (high - high === 0) this.#accumulate(sign * high, sign * productError(value, value, high));
    else this.#count(high, sign);
  }

  /** True when every term in the sum is finite. */
  get finite(): boolean {
    return this.#nan + this.#positive + this.#negative === 0;
  }

  get value(): number {
    if (this.#nan > 0 || (this.#positive > 0 && this.#negative > 0)) return NaN;
    if (this.#positive > 0) return Infinity;
    return this.#negative > 0 ? -Infinity : this.high + this.low;
  }

  #accumulate(value: number, error: number): void {
    const sum = this.high + value;
    const part = sum - this.high;
    const low = this.low + (this.high - (sum - part)) + (value - part) + error;
    this.high = sum + low;
    this.low = low - (this.high - sum);
  }

  #count(value: number, by: number): void {
    if (Number.isNaN(value)) this.#nan += by;
    else if (value > 0) this.#positive += by;
    else this.#negative += by;
  }
}

/** `a * b - product`, exactly, unless it underflows or the splitting overflows. */
export function productError(a: number, b: number, product: number): number {
  const c = 134217729 * a;
  const d = 134217729 * b;
  if (c - c !== 0 || d - d !== 0) return 0;
  const aHigh = c - (c - a);
  const bHigh = d - (d - b);
  const aLow = a - aHigh;
  const bLow = b - bHigh;
  return aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow);
}
