/** Numbers up to `most` are taken times `scale`, so that their squares are between 2^-948 and 2^960. */
interface Regime {
  readonly most: number;
  readonly scale: number;
}

const step = 2 ** -600;
const tiny: Regime = { most: 2 ** -120, scale: 2 ** 600 };
const ordinary: Regime = { most: 2 ** 480, scale: 1 };
const huge: Regime = { most: Infinity, scale: step };

/**
 * Mean and deviation in one pass, right for any finite numbers: they are taken times a power of two, which changes no bit of
 * them, so that their squares neither overflow nor vanish. A NaN makes them NaN.
 *
 * Source: Welford (1962), Note on a Method for Calculating Corrected Sums.
 */
export class Moments {
  #regime = tiny;
  #count = 0;
  #mean = 0;
  #squares = 0;

  add(value: number): void {
    if (Math.abs(value) > this.#regime.most) this.#widen(value);
    this.#count += 1;
    const scaled = value * this.#regime.scale;
    const before = scaled - this.#mean;
    this.#mean += before / this.#count;
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

  get mean(): number {
    return this.#mean / this.#regime.scale;
  }

  /** Of a sample (n - 1); 0 of a single number. */
  get stddev(): number {
    if (Number.isNaN(this.#mean)) return NaN;
    if (this.#count === 1) return 0;
    return Math.sqrt(this.#squares / (this.#count - 1)) / this.#regime.scale;
  }
}
