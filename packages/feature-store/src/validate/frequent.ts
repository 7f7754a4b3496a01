/**
 * The most frequent values of a stream with at most `capacity` counters. Every value more frequent than `1 / capacity` of
 * the stream is among them, and no count is short by more than `error`.
 *
 * Source: Misra and Gries, "Finding repeated elements" (1982).
 */
export class Frequent<Value> {
  readonly #counts = new Map<Value, number>();
  readonly #capacity: number;
  #error = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  add(value: Value, times = 1): void {
    const known = this.#counts.get(value);
    if (known !== undefined || this.#counts.size < this.#capacity) {
      this.#counts.set(value, (known ?? 0) + times);
      return;
    }
    // Taking the least count from all, the newcomer too, makes room at least once in as many values as were counted.
    const least = Math.min(times, ...this.#counts.values());
    this.#error += least;
    for (const [each, count] of this.#counts) {
      if (count === least) this.#counts.delete(each);
      else this.#counts.set(each, count - least);
    }
    if (times > least) this.#counts.set(value, times - least);
  }

  /** By how much a count may be short; 0: all are exact. */
  get error(): number {
    return this.#error;
  }

  /** The most frequent first. */
  top(count: number): { readonly value: Value; readonly count: number }[] {
    const all = [...this.#counts].map(([value, counted]) => ({ value, count: counted }));
    return all.sort((a, b) => b.count - a.count).slice(0, count);
  }
}
