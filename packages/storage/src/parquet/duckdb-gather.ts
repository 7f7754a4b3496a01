import type { Data, DataType, Struct } from "apache-arrow";
import { arrayOf } from "./array.ts";
import { arrowTypeOf } from "./arrow-type.ts";
import { BitGatherer, ValidityGatherer } from "./bit-gatherer.ts";
import { type ColumnType, decimalOf, isNested, type NestedType } from "./column-type.ts";
import type { Numbers } from "./column.ts";
import { numbersFor } from "./data-of.ts";
import { BytesGatherer } from "./duckdb-gather-bytes.ts";
import type { DuckDbVector } from "./duckdb-library.ts";
import { decimalWidth } from "./duckdb-types.ts";
import { bytesOf, fieldVector, itemsOf, listParts, validityOf } from "./duckdb-vector.ts";

/** Gathers the vectors of one column, chunk after chunk, into the buffers of one Arrow array. */
export interface Gatherer {
  /** Adds `rows` rows of a vector, from row `from` on. */
  add(vector: DuckDbVector, from: number, rows: number): void;
  /** The array of all rows added. */
  finish(): Data;
}

/** A gatherer with room for `rows` rows, which grows when there are more. */
export function gathererOf(type: ColumnType, rows: number): Gatherer {
  const arrow = arrowTypeOf(type);
  if (isNested(type)) return nestedGatherer(type, arrow, rows);
  const decimal = decimalOf(type);
  if (decimal !== undefined) return new DecimalGatherer(arrow, decimalWidth(decimal.precision), rows);
  if (type === "boolean") return new BooleanGatherer(arrow, rows);
  if (type === "string" || type === "binary") return new BytesGatherer(arrow, rows);
  return new NumberGatherer(arrow, numbersFor(type, rows));
}

function nestedGatherer(type: NestedType, arrow: DataType, rows: number): Gatherer {
  switch (type.type) {
    case "struct":
      return new StructGatherer(
        arrow,
        type.fields.map((field) => gathererOf(field.type, rows)),
        rows,
      );
    case "array":
      return new ListGatherer(arrow, gathererOf(type.elementType, rows), rows);
    case "map": {
      const entries = (arrow.children[0] as { readonly type: Struct }).type;
      const parts = [gathererOf(type.keyType, rows), gathererOf(type.valueType, rows)];
      return new ListGatherer(arrow, new StructGatherer(entries, parts, rows), rows);
    }
  }
}

class NumberGatherer implements Gatherer {
  readonly #arrow: DataType;
  readonly #validity: ValidityGatherer;
  #numbers: Numbers;

  constructor(arrow: DataType, numbers: Numbers) {
    this.#arrow = arrow;
    this.#numbers = numbers;
    this.#validity = new ValidityGatherer(numbers.length);
  }

  add(vector: DuckDbVector, from: number, rows: number): void {
    const at = this.#validity.rows;
    this.#validity.add(validityOf(vector, from + rows), from, rows);
    if (at + rows > this.#numbers.length) this.#numbers = grown(this.#numbers, at + rows);
    const items = itemsOf(vector);
    const whole = from === 0 && items.length === rows;
    this.#numbers.set((whole ? items : items.subarray(from, from + rows)) as never, at);
  }

  finish(): Data {
    const length = this.#validity.rows;
    return arrayOf({ type: this.#arrow, length, data: this.#numbers.subarray(0, length), ...this.#validity.finish() });
  }
}

function grown<Items extends Numbers | Uint32Array>(items: Items, size: number): Items {
  const Kind = items.constructor as new (length: number) => Items;
  const larger = new Kind(Math.max(size, items.length * 2));
  larger.set(items as never);
  return larger;
}

class BooleanGatherer implements Gatherer {
  readonly #arrow: DataType;
  readonly #validity: ValidityGatherer;
  readonly #bits: BitGatherer;

  constructor(arrow: DataType, rows: number) {
    this.#arrow = arrow;
    this.#validity = new ValidityGatherer(rows);
    this.#bits = new BitGatherer(rows);
  }

  add(vector: DuckDbVector, from: number, rows: number): void {
    this.#validity.add(validityOf(vector, from + rows), from, rows);
    const bytes = bytesOf(vector, from + rows, 1);
    for (let row = from; row < from + rows; row++) this.#bits.push(bytes.getUint8(row) !== 0);
  }

  finish(): Data {
    return arrayOf({
      type: this.#arrow,
      length: this.#validity.rows,
      data: this.#bits.finish(),
      ...this.#validity.finish(),
    });
  }
}

class DecimalGatherer implements Gatherer {
  readonly #arrow: DataType;
  readonly #width: 2 | 4 | 8 | 16;
  readonly #validity: ValidityGatherer;
  #words: Uint32Array;

  constructor(arrow: DataType, width: 2 | 4 | 8 | 16, rows: number) {
    this.#arrow = arrow;
    this.#width = width;
    this.#validity = new ValidityGatherer(rows);
    this.#words = new Uint32Array(rows * 4);
  }

  add(vector: DuckDbVector, from: number, rows: number): void {
    let at = this.#validity.rows * 4;
    this.#validity.add(validityOf(vector, from + rows), from, rows);
    if (at + rows * 4 > this.#words.length) this.#words = grown(this.#words, at + rows * 4);
    const width = this.#width;
    const view = bytesOf(vector, from + rows, width);
    for (let row = from; row < from + rows; row++) {
      const start = row * width;
      const low = width === 2 ? view.getInt16(start, true) : view.getInt32(start, true);
      const second = width < 8 ? low >> 31 : view.getInt32(start + 4, true);
      this.#words[at] = low;
      this.#words[at + 1] = second;
      this.#words[at + 2] = width < 16 ? second >> 31 : view.getInt32(start + 8, true);
      this.#words[at + 3] = width < 16 ? second >> 31 : view.getInt32(start + 12, true);
      at += 4;
    }
  }

  finish(): Data {
    const length = this.#validity.rows;
    const data = this.#words.subarray(0, length * 4);
    return arrayOf({ type: this.#arrow, length, data, ...this.#validity.finish() });
  }
}

class StructGatherer implements Gatherer {
  readonly #arrow: DataType;
  readonly #fields: readonly Gatherer[];
  readonly #validity: ValidityGatherer;

  constructor(arrow: DataType, fields: readonly Gatherer[], rows: number) {
    this.#arrow = arrow;
    this.#fields = fields;
    this.#validity = new ValidityGatherer(rows);
  }

  add(vector: DuckDbVector, from: number, rows: number): void {
    this.#validity.add(validityOf(vector, from + rows), from, rows);
    for (const [index, field] of this.#fields.entries()) field.add(fieldVector(vector, index), from, rows);
  }

  finish(): Data {
    const children = this.#fields.map((field) => field.finish());
    return arrayOf({ type: this.#arrow, length: this.#validity.rows, children, ...this.#validity.finish() });
  }
}

/** Lists, and maps, which are lists of structs. */
class ListGatherer implements Gatherer {
  readonly #arrow: DataType;
  readonly #items: Gatherer;
  readonly #validity: ValidityGatherer;
  readonly #offsets: number[] = [0];

  constructor(arrow: DataType, items: Gatherer, rows: number) {
    this.#arrow = arrow;
    this.#items = items;
    this.#validity = new ValidityGatherer(rows);
  }

  add(vector: DuckDbVector, from: number, rows: number): void {
    const valid = validityOf(vector, from + rows);
    this.#validity.add(valid, from, rows);
    const { child, entries } = listParts(vector);
    let end = this.#offsets.at(-1) ?? 0;
    let [runStart, runEnd] = [0, 0];
    for (let row = from; row < from + rows; row++) {
      const present = valid === undefined || (((valid[row >> 3] ?? 0) >> (row & 7)) & 1) === 1;
      const length = present ? Number(entries[row * 2 + 1]) : 0;
      if (length > 0) {
        const start = Number(entries[row * 2]);
        if (start !== runEnd) {
          if (runEnd > runStart) this.#items.add(child, runStart, runEnd - runStart);
          runStart = start;
        }
        runEnd = start + length;
        end += length;
      }
      this.#offsets.push(end);
    }
    if (runEnd > runStart) this.#items.add(child, runStart, runEnd - runStart);
  }

  finish(): Data {
    return arrayOf({
      type: this.#arrow,
      length: this.#validity.rows,
      valueOffsets: Int32Array.from(this.#offsets),
      children: [this.#items.finish()],
      ...this.#validity.finish(),
    });
  }
}
