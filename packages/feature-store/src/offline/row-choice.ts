import type { RowAccumulator } from "./accumulator.ts";
import { RowDeque } from "./row-deque.ts";

/** The values of one column by row of the timeline; `valid` has one byte per row and is absent when none is null. */
export interface Series {
  readonly values: Float64Array | BigInt64Array | Int32Array | Uint8Array;
  readonly valid: Uint8Array | undefined;
}

/**
 * The row of the least or greatest value, over a deque of rows that ascend in row and in value.
 *
 * Rows leave in order of their numbers, so a row is of no account while a later one, which stays longer, has a value as
 * good. What is left is in order of its values too, and the first is the answer. Usually a row enters at the end; one that
 * was known late enters further in, at its place.
 */
export class Extreme implements RowAccumulator {
  size = 0;
  readonly #series: Series;
  readonly #sign: 1 | -1;
  readonly #rows = new RowDeque();

  /** @param sign 1 for the least, -1 for the greatest */
  constructor(series: Series, sign: 1 | -1) {
    this.#series = series;
    this.#sign = sign;
  }
  get row(): number {
    return this.#rows.at(0);
  }
  reset(): void {
    this.size = 0;
    this.#rows.clear();
  }
  add(row: number): void {
    if (this.#series.valid?.[row] === 0) return;
    this.size++;
    const rows = this.#rows;
    const to = rows.position(row);
    if (to < rows.length && this.#asGood(rows.at(to), row)) return;
    let from = to;
    while (from > 0 && this.#asGood(row, rows.at(from - 1))) from--;
    rows.replace(from, to, row);
  }
  remove(row: number): void {
    if (this.#series.valid?.[row] === 0) return;
    this.size--;
    if (this.#rows.length > 0 && this.#rows.at(0) === row) this.#rows.shift();
  }
  /** NaN is the greatest of all. */
  #asGood(row: number, than: number): boolean {
    const { values } = this.#series;
    const low = values[this.#sign === 1 ? row : than] as number | bigint;
    const high = values[this.#sign === 1 ? than : row] as number | bigint;
    return low <= high || Number.isNaN(high);
  }
}

/** The first row, in the timeline's order, that is not null. */
export class First implements RowAccumulator {
  readonly #valid: Uint8Array | undefined;
  readonly #rows = new RowDeque();

  constructor({ valid }: Series) {
    this.#valid = valid;
  }
  get size(): number {
    return this.#rows.length;
  }
  get row(): number {
    return this.#rows.at(0);
  }
  reset(): void {
    this.#rows.clear();
  }
  add(row: number): void {
    if (this.#valid?.[row] === 0) return;
    const at = this.#rows.position(row);
    this.#rows.replace(at, at, row);
  }
  remove(row: number): void {
    if (this.#valid?.[row] !== 0) this.#rows.shift();
  }
}

/** The last row, in the timeline's order, that is not null. When it leaves, none is left. */
export class Last implements RowAccumulator {
  size = 0;
  row = -1;
  readonly #valid: Uint8Array | undefined;

  constructor({ valid }: Series) {
    this.#valid = valid;
  }
  reset(): void {
    this.size = 0;
    this.row = -1;
  }
  add(row: number): void {
    if (this.#valid?.[row] === 0) return;
    this.size++;
    if (row > this.row) this.row = row;
  }
  remove(row: number): void {
    if (this.#valid?.[row] !== 0) this.size--;
  }
}
