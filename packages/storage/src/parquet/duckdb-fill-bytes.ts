import { bytesOfColumn } from "./column-bytes.ts";
import type { Column } from "./column.ts";
import { type Fill, VectorNulls, vectorRows } from "./duckdb-fill.ts";
import type { DuckDbLibrary, DuckDbVector } from "./duckdb-library.ts";
import { handlesOf } from "./duckdb-vector.ts";

/** Bytes of DuckDB's `string_t`: the length, then up to 12 bytes inline, or the beginning and where the rest is. */
const width = 16;
const inline = 12;

/** Long strings stay with their vector until it is let go. */
const largestHeap = 4 * 1024 * 1024;

/** Writes strings and blobs. Short ones are laid out here and copied at once; long ones are handed over one by one. */
export class BytesFill implements Fill {
  readonly #vector: DuckDbVector;
  readonly #nulls: VectorNulls;
  readonly #laidOut: Uint8Array;
  readonly #copier: DuckDbVector;
  #heap = 0;

  constructor(lib: DuckDbLibrary, vector: DuckDbVector) {
    this.#vector = vector;
    this.#nulls = new VectorNulls(vector);
    const words = new BigInt64Array((vectorRows * width) / 8);
    this.#laidOut = new Uint8Array(words.buffer);
    const { validity, handle } = handlesOf(vector);
    this.#copier = new lib.DuckDBBigIntVector(words, validity as never, handle as never);
  }

  get exhausted(): boolean {
    return this.#heap > largestHeap;
  }

  write(column: Column, start: number, rows: number): void {
    const { bytes, offsets } = bytesOfColumn(column);
    const into = this.#laidOut.fill(0);
    const long: number[] = [];
    for (let row = 0, to = 0; row < rows; row++, to += width) {
      const from = offsets[start + row] as number;
      const length = (offsets[start + row + 1] as number) - from;
      if (length > inline) long.push(row);
      else {
        into[to] = length;
        for (let i = 0; i < length; i++) into[to + 4 + i] = bytes[from + i] as number;
      }
    }
    this.#nulls.write(column, start, rows);
    this.#copier.flush();
    if (long.length > 0) this.#handOver(long, bytes, offsets, start);
  }

  #handOver(rows: readonly number[], bytes: Uint8Array, offsets: ArrayLike<number>, start: number): void {
    for (const row of rows) {
      const item = bytes.subarray(offsets[start + row], offsets[start + row + 1]);
      this.#vector.setItem(row, { bytes: item });
      this.#heap += item.byteLength;
    }
    this.#vector.flush();
  }
}
