/**
 * A uniform sample of a stream: every value of it while they are at most `capacity`, then each with equal chance. The same
 * stream gives the same sample.
 *
 * Source: Vitter, "Random sampling with a reservoir" (1985), algorithm R.
 */
export class Reservoir {
  readonly #values: Float64Array;
  #seen = 0;
  #state = 0x2545f491;

  constructor(capacity: number) {
    this.#values = new Float64Array(capacity);
  }

  add(value: number): void {
    const capacity = this.#values.length;
    const at = this.#seen < capacity ? this.#seen : Math.floor(this.#random() * (this.#seen + 1));
    this.#seen++;
    if (at < capacity) this.#values[at] = value;
  }

  /** True while nothing has been left out. */
  get complete(): boolean {
    return this.#seen <= this.#values.length;
  }

  /** The sample in ascending order. */
  sorted(): Float64Array {
    return this.#values.slice(0, Math.min(this.#seen, this.#values.length)).sort();
  }

  /** Marsaglia's xorshift32, twice for 53 bits. */
  #random(): number {
    const high = this.#next() >>> 5;
    return (high * 67108864 + (this.#next() >>> 6)) / 9007199254740992;
  }

  #next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return x;
  }
}
