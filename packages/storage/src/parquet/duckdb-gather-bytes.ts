import type { Data, DataType } from "apache-arrow";
import { arrayOf } from "./array.ts";
import { ValidityGatherer } from "./bit-gatherer.ts";
import type { Gatherer } from "./duckdb-gather.ts";
import type { DuckDbVector } from "./duckdb-library.ts";
import { bytesOf, validityOf } from "./duckdb-vector.ts";

const utf8 = new TextEncoder();

/** Gathers strings and blobs: DuckDB's `string_t` of 16 bytes, the length first, of which up to 12 bytes stand inline. */
export class BytesGatherer implements Gatherer {
  readonly #arrow: DataType;
  readonly #validity: ValidityGatherer;
  #offsets: Int32Array;
  #bytes: Uint8Array;

  constructor(arrow: DataType, rows: number) {
    this.#arrow = arrow;
    this.#validity = new ValidityGatherer(rows);
    this.#offsets = new Int32Array(rows + 1);
    this.#bytes = new Uint8Array(rows * 8);
  }

  add(vector: DuckDbVector, from: number, rows: number): void {
    let at = this.#validity.rows;
    const valid = validityOf(vector, from + rows);
    this.#validity.add(valid, from, rows);
    this.#reserveRows(at + rows);
    const view = bytesOf(vector, from + rows, 16);
    const source = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    let end = this.#offsets[at] as number;
    // Room for every string that stands inline: only the long ones are checked one by one.
    this.#reserve(end + rows * 12);
    for (let row = from; row < from + rows; row++) {
      const start = row * 16;
      const length = (source[start] as number) | ((source[start + 1] as number) << 8);
      if (valid !== undefined && (((valid[row >> 3] as number) >> (row & 7)) & 1) === 0) {
        // A null has no bytes.
      } else if (length <= 12 && source[start + 2] === 0 && source[start + 3] === 0) {
        const bytes = this.#bytes;
        for (let i = 0; i < length; i++) bytes[end + i] = source[start + 4 + i] as number;
        end += length;
      } else {
        end = this.#addItem(vector, row, end, (from + rows - row) * 12);
      }
      this.#offsets[++at] = end;
    }
  }

  #addItem(vector: DuckDbVector, row: number, end: number, inline: number): number {
    const bytes = vector.getItemBytes?.(row) ?? bytesOfItem(vector.getItem(row));
    this.#reserve(end + bytes.byteLength + inline);
    this.#bytes.set(bytes, end);
    return end + bytes.byteLength;
  }

  #reserve(size: number): void {
    if (size <= this.#bytes.byteLength) return;
    const larger = new Uint8Array(Math.max(size, this.#bytes.byteLength * 2));
    larger.set(this.#bytes);
    this.#bytes = larger;
  }

  #reserveRows(rows: number): void {
    if (rows < this.#offsets.length) return;
    const larger = new Int32Array(Math.max(rows + 1, this.#offsets.length * 2));
    larger.set(this.#offsets);
    this.#offsets = larger;
  }

  finish(): Data {
    const length = this.#validity.rows;
    const valueOffsets = this.#offsets.subarray(0, length + 1);
    const data = this.#bytes.subarray(0, valueOffsets[length]);
    return arrayOf({ type: this.#arrow, length, valueOffsets, data, ...this.#validity.finish() });
  }
}

function bytesOfItem(item: unknown): Uint8Array {
  return typeof item === "string" ? utf8.encode(item) : (item as { readonly bytes: Uint8Array }).bytes;
}
