/** Values up to `most` are taken times `scale`, so that their squares are between 2^-948 and 2^960. */
interface Regime {
  readonly most: number;
  readonly scale: number;
}

const step = 2 ** -600;
const tiny: Regime = { most: 2 ** -120, scale: 2 ** 600 };
const ordinary: Regime = { most: 2 ** 480, scale: 1 };
const huge: Regime = { most: Infinity, scale: step };

/**
 * Count, mean and standard deviation in one pass, finite for any finite values. NaN and infinities are counted apart.
 *
 * Values are taken times a power of two, which changes no bit of them, so that their squares neither overflow nor vanish.
 *
 * Source: Welford, "Note on a method for calculating corrected sums of squares and products" (1962).
 */
export class Moments {
  count = 0;
  notFinite = 0;
  min: number = Infinity;
  max: number = -Infinity;
  #regime = tiny;
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
    if (Math.abs(value) > this.#regime.most) this.#widen(value);
    const scaled = value * this.#regime.scale;
    const before = scaled - this.#mean;
    this.#mean += before / this.count;
    this.#squares += before * (scaled - this.#mean);
  }

  #widen(value: number): void {
    const next = Math.abs(value) > ordinary.most ? huge : ordinary;
    for (let { scale } = this.#regime; scale > next.scale; scale *= step) {
      this.#mean *= step;
      // 2^-1200 itself is no double.
      this.#squares = this.#squares * step * step;
    }
    this.#regime = next;
  }

  get mean(): number | null {
    return this.count === 0 ? null : this.#mean / this.#regime.scale;
  }

  /** Of the population. */
  get stddev(): number | null {
    if (this.count === 0) return null;
    // Half the range is the most there can be; rounding may end beyond it, and beyond all doubles.
    const most = this.max / 2 - this.min / 2;
    return Math.min(Math.sqrt(this.#squares / this.count) / this.#regime.scale, most);
  }
}
