/**
 * Count, mean and standard deviation in one pass. NaN and infinities are counted apart.
 *
 * Source: Welford, "Note on a method for calculating corrected sums of squares and products" (1962).
 */
export class Moments {
  count = 0;
  notFinite = 0;
  min: number = Infinity;
  max: number = -Infinity;
  #mean = 0;
  #squares = 0;

  add(value: number): void {
    if (!Number.isFinite(value)) {
      this.notFinite++;
      return;
    }
    this.count++;
    if (value < this.min) this.min = value;
    if (value > this.max) this.max = value;
    const before = value - this.#mean;
    this.#mean += before / this.count;
    this.#squares += before * (value - this.#mean);
  }

  get mean(): number | null {
    return this.count === 0 ? null : this.#mean;
  }

  /** Of the population. */
  get stddev(): number | null {
    return this.count === 0 ? null : Math.sqrt(this.#squares / this.count);
  }
}
