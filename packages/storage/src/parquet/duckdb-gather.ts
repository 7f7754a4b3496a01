import type { Data } from "apache-arrow";
import { arrayOf, bitmapBytes, numbersFor } from "./batch.ts";
import { arrowTypeOf, type ColumnType } from "./column-type.ts";
import type { Numbers } from "./column.ts";
import type { DuckDbVector } from "./duckdb-library.ts";
import { itemsOf } from "./duckdb-types.ts";

const utf8 = new TextEncoder();

/** Gathers the vectors of one column, chunk after chunk, into the buffers of one Arrow array. */
export class VectorGatherer {
  readonly #type: ColumnType;
  readonly #numbers: Numbers | undefined;
  readonly #offsets: Int32Array | undefined;
  readonly #validity: Uint8Array;
  #bytes: Uint8Array;
  #nulls = 0;

  constructor(type: ColumnType, rows: number) {
    this.#type = type;
    const variable = type === "string" || type === "binary";
    this.#offsets = variable ? new Int32Array(rows + 1) : undefined;
    this.#numbers = variable || type === "boolean" ? undefined : numbersFor(type, rows);
    this.#bytes = new Uint8Array(variable ? rows * 8 : bitmapBytes(rows));
    this.#validity = new Uint8Array(bitmapBytes(rows)).fill(0xff);
  }

  /** Adds the rows of a vector at position `at`. */
  add(vector: DuckDbVector, at: number, rows: number): void {
    const isNull = this.#addValidity(vector, at, rows);
    if (this.#numbers !== undefined) {
      const items = itemsOf(vector);
      this.#numbers.set((items.length === rows ? items : items.subarray(0, rows)) as never, at);
    } else if (this.#offsets !== undefined) {
      this.#addBytes(this.#offsets, vector, at, rows, isNull);
    } else {
      for (let row = 0; row < rows; row++) if (vector.getItem(row) === true) setBit(this.#bytes, at + row);
    }
  }

  /** The array of the first `rows` rows. */
  finish(rows: number): Data {
    const nulls = this.#nulls === 0 ? { nullCount: 0 } : { nullCount: this.#nulls, nullBitmap: this.#validity };
    const offsets = this.#offsets?.subarray(0, rows + 1);
    const data =
      offsets === undefined
        ? (this.#numbers?.subarray(0, rows) ?? this.#bytes)
        : this.#bytes.subarray(0, offsets[rows]);
    return arrayOf({
      type: arrowTypeOf(this.#type),
      length: rows,
      data,
      ...nulls,
      ...(offsets === undefined ? {} : { valueOffsets: offsets }),
    });
  }

  /** Marks the nulls of a vector and returns which rows they are. */
  #addValidity(vector: DuckDbVector, at: number, rows: number): (row: number) => boolean {
    const words = validityWords(vector);
    if (words === null) return () => false;
    const valid = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
    const isNull = (row: number): boolean => (((valid[row >> 3] ?? 0) >> (row & 7)) & 1) === 0;
    for (let row = 0; row < rows; row++) {
      if ((row & 7) === 0 && valid[row >> 3] === 0xff) row += 7;
      else if (isNull(row)) {
        clearBit(this.#validity, at + row);
        this.#nulls += 1;
      }
    }
    return isNull;
  }

  #addBytes(
    offsets: Int32Array,
    vector: DuckDbVector,
    at: number,
    rows: number,
    isNull: (row: number) => boolean,
  ): void {
    const inline = inlineStrings(vector, rows);
    let end = offsets[at] ?? 0;
    for (let row = 0; row < rows; row++) {
      if (!isNull(row)) {
        const length = inline?.getUint32(row * 16, true) ?? Infinity;
        if (inline !== undefined && length <= 12) {
          this.#reserve(end + length);
          for (let i = 0; i < length; i++) this.#bytes[end + i] = inline.getUint8(row * 16 + 4 + i);
          end += length;
        } else {
          end = this.#addItem(vector.getItem(row), end);
        }
      }
      offsets[at + row + 1] = end;
    }
  }

  #addItem(item: unknown, end: number): number {
    const bytes = typeof item === "string" ? utf8.encode(item) : (item as { readonly bytes: Uint8Array }).bytes;
    this.#reserve(end + bytes.byteLength);
    this.#bytes.set(bytes, end);
    return end + bytes.byteLength;
  }

  #reserve(size: number): void {
    if (size <= this.#bytes.byteLength) return;
    const larger = new Uint8Array(Math.max(size, this.#bytes.byteLength * 2));
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}

/** The vector's validity words; null when it has no nulls. A vector that keeps them elsewhere is asked row by row. */
function validityWords(vector: DuckDbVector): BigUint64Array | null {
  const validity: unknown = Reflect.get(vector, "validity");
  const words: unknown = typeof validity === "object" && validity !== null ? Reflect.get(validity, "data") : undefined;
  if (words === null || words instanceof BigUint64Array) return words;
  return wordsByItem(vector);
}

function wordsByItem(vector: DuckDbVector): BigUint64Array {
  const words = new BigUint64Array(2048 / 64);
  const bits = new Uint8Array(words.buffer);
  for (let row = 0; row < 2048; row++) if (vector.getItem(row) !== null) setBit(bits, row);
  return words;
}

/** DuckDB's `string_t`: 16 bytes, of which the first four are the length, and up to 12 bytes stand inline. */
function inlineStrings(vector: DuckDbVector, rows: number): DataView | undefined {
  const view: unknown = Reflect.get(vector, "dataView");
  return view instanceof DataView && view.byteLength >= rows * 16 ? view : undefined;
}

function setBit(bits: Uint8Array, index: number): void {
  bits[index >> 3] = (bits[index >> 3] ?? 0) | (1 << (index & 7));
}

function clearBit(bits: Uint8Array, index: number): void {
  bits[index >> 3] = (bits[index >> 3] ?? 0) & ~(1 << (index & 7));
}
