import type { NumberAccumulator } from "./accumulator.ts";
import type { Series } from "./row-choice.ts";

/** How many different values are in, exactly: a count for each, so that memory follows the values of the window. */
export class Distinct implements NumberAccumulator {
  readonly #series: Series;
  readonly #counts = new Map<number | bigint, number>();

  constructor(series: Series) {
    this.#series = series;
  }
  get size(): number {
    return this.#counts.size;
  }
  get value(): number {
    return this.#counts.size;
  }
  get integer(): bigint {
    return BigInt(this.#counts.size);
  }
  reset(): void {
    this.#counts.clear();
  }
  add(row: number): void {
    if (this.#series.valid?.[row] === 0) return;
    const value = this.#series.values[row] as number | bigint;
    this.#counts.set(value, (this.#counts.get(value) ?? 0) + 1);
  }
  remove(row: number): void {
    if (this.#series.valid?.[row] === 0) return;
    const value = this.#series.values[row] as number | bigint;
    const left = (this.#counts.get(value) ?? 0) - 1;
    if (left > 0) this.#counts.set(value, left);
    else this.#counts.delete(value);
  }
}
