import { type ColumnType, decimalOf, isNested } from "./column-type.ts";
import type { Column } from "./column.ts";
import { BytesFill } from "./duckdb-fill-bytes.ts";
import { itemOf } from "./duckdb-items.ts";
import type { DuckDbLibrary, DuckDbVector } from "./duckdb-library.ts";
import { decimalWidth } from "./duckdb-types.ts";
import { bytesOf, handlesOf, itemsOf } from "./duckdb-vector.ts";

/** The rows of a vector: what a data chunk holds at most. */
export const vectorRows = 2048;

/** Writes rows of Arrow columns into one vector, time after time. */
export interface Fill {
  /** Writes `rows` rows from `start` on to the beginning of the vector. */
  write(column: Column, start: number, rows: number): void;
  /** Whether the vector has gathered so much memory that it should be let go. */
  readonly exhausted: boolean;
}

/** How a column of this type is written. Strings go as bytes: their vector is one of blobs. */
export function fillOf(lib: DuckDbLibrary, type: ColumnType, vector: DuckDbVector): Fill {
  if (isNested(type)) return new ItemsFill(type, vector);
  const decimal = decimalOf(type);
  if (decimal !== undefined) return new DecimalsFill(decimalWidth(decimal.precision), vector);
  if (type === "boolean") return new BooleansFill(vector);
  if (type === "string" || type === "binary") return new BytesFill(lib, vector);
  return new NumbersFill(vector);
}

/** The nulls of a vector that is written time after time. */
export class VectorNulls {
  readonly #validity: object;
  #bits: Uint8Array | undefined;
  #dirty = false;

  constructor(vector: DuckDbVector) {
    this.#validity = handlesOf(vector).validity;
  }

  write(column: Column, start: number, rows: number): void {
    if (this.#dirty) this.#bits?.fill(0xff);
    this.#dirty = column.nullCount > 0;
    if (!this.#dirty) return;
    const bits = this.#writable();
    for (let row = 0; row < rows; row++) {
      if (column.isNull(start + row)) bits[row >> 3] = (bits[row >> 3] as number) & ~(1 << (row & 7));
    }
  }

  #writable(): Uint8Array {
    if (this.#bits === undefined) {
      const words = new BigUint64Array(vectorRows / 64);
      this.#bits = new Uint8Array(words.buffer).fill(0xff);
      Reflect.set(this.#validity, "data", words);
    }
    return this.#bits;
  }
}

class NumbersFill implements Fill {
  readonly exhausted = false;
  readonly #vector: DuckDbVector;
  readonly #nulls: VectorNulls;

  constructor(vector: DuckDbVector) {
    this.#vector = vector;
    this.#nulls = new VectorNulls(vector);
  }

  write(column: Column, start: number, rows: number): void {
    const items = itemsOf(this.#vector);
    if (column.numbers !== undefined) items.set(column.numbers.subarray(start, start + rows) as never);
    else for (let row = 0; row < rows; row++) items[row] = (column.get(start + row) ?? items[row]) as never;
    this.#nulls.write(column, start, rows);
    this.#vector.flush();
  }
}

class BooleansFill implements Fill {
  readonly exhausted = false;
  readonly #vector: DuckDbVector;
  readonly #nulls: VectorNulls;

  constructor(vector: DuckDbVector) {
    this.#vector = vector;
    this.#nulls = new VectorNulls(vector);
  }

  write(column: Column, start: number, rows: number): void {
    const bytes = bytesOf(this.#vector, rows, 1);
    for (let row = 0; row < rows; row++) bytes.setUint8(row, column.get(start + row) === true ? 1 : 0);
    this.#nulls.write(column, start, rows);
    this.#vector.flush();
  }
}

/** The low words of Arrow's 128-bit decimals. */
class DecimalsFill implements Fill {
  readonly exhausted = false;
  readonly #width: 2 | 4 | 8 | 16;
  readonly #vector: DuckDbVector;
  readonly #nulls: VectorNulls;

  constructor(width: 2 | 4 | 8 | 16, vector: DuckDbVector) {
    this.#width = width;
    this.#vector = vector;
    this.#nulls = new VectorNulls(vector);
  }

  write(column: Column, start: number, rows: number): void {
    const words = column.data.values as Uint32Array;
    const width = this.#width;
    const view = bytesOf(this.#vector, rows, width);
    for (let row = 0; row < rows; row++) {
      const from = (start + row) * 4;
      if (width === 2) view.setInt16(row * 2, words[from] as number, true);
      else for (let at = 0; at < width; at += 4) view.setUint32(row * width + at, words[from + at / 4] as number, true);
    }
    this.#nulls.write(column, start, rows);
    this.#vector.flush();
  }
}

/** Nested values, one by one. The rest of the vector is made null, as a flush reads all of it. */
class ItemsFill implements Fill {
  readonly exhausted = true;
  readonly #item: (value: never) => unknown;
  readonly #vector: DuckDbVector;

  constructor(type: ColumnType, vector: DuckDbVector) {
    this.#item = itemOf(type);
    this.#vector = vector;
  }

  write(column: Column, start: number, rows: number): void {
    for (let row = 0; row < vectorRows; row++) {
      const value = row < rows ? column.get(start + row) : null;
      this.#vector.setItem(row, value === null ? null : this.#item(value as never));
    }
    this.#vector.flush();
  }
}
