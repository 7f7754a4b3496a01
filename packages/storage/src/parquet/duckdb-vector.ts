import { storageError } from "../errors.ts";
import type { Numbers } from "./column.ts";
import type { DuckDbVector } from "./duckdb-library.ts";

/** The typed array in which a fixed-width vector keeps its values; writing to it and flushing writes the vector. */
export function itemsOf(vector: DuckDbVector): Numbers {
  const items: unknown = Reflect.get(vector, "items");
  if (ArrayBuffer.isView(items) && !(items instanceof DataView)) return items as Numbers;
  throw unknownLayout("vectors that do not keep their values in a typed array");
}

/** The bytes of a vector of booleans, decimals, strings or blobs, of `width` for each row. */
export function bytesOf(vector: DuckDbVector, rows: number, width: number): DataView {
  const view: unknown = Reflect.get(vector, "dataView");
  if (view instanceof DataView && view.byteLength >= rows * width) return view;
  throw unknownLayout("vectors that do not keep their values in a data view");
}

/** The validity of a vector, and the vector itself: what its `flush` writes to. */
export function handlesOf(vector: DuckDbVector): { readonly validity: object; readonly handle: object } {
  const validity: unknown = Reflect.get(vector, "validity");
  const handle: unknown = Reflect.get(vector, "vector");
  if (typeof validity === "object" && validity !== null && typeof handle === "object" && handle !== null) {
    return { validity, handle };
  }
  throw unknownLayout("vectors that do not show their validity");
}

/** The vectors of a list's or map's entries, and where each row's begin. */
export interface ListParts {
  readonly child: DuckDbVector;
  /** Two to a row: the first entry, and their number. */
  readonly entries: BigUint64Array;
}

export function listParts(vector: DuckDbVector): ListParts {
  const list: unknown = Reflect.get(vector, "listVector") ?? vector;
  const child: unknown = Reflect.get(list as object, "childVector");
  const entries: unknown = Reflect.get(list as object, "entryData");
  if (isVector(child) && entries instanceof BigUint64Array) return { child, entries };
  throw unknownLayout("lists that do not keep their entries in a vector");
}

/** The vector of one field of a struct. */
export function fieldVector(vector: DuckDbVector, index: number): DuckDbVector {
  const fields: unknown = Reflect.get(vector, "entryVectors");
  const field: unknown = Array.isArray(fields) ? fields[index] : undefined;
  if (isVector(field)) return field;
  throw unknownLayout("structs that do not keep their fields in vectors");
}

function isVector(value: unknown): value is DuckDbVector {
  return typeof value === "object" && value !== null && "getItem" in value;
}

/** The validity bits of a vector, 1 for a value; undefined when it has no nulls. */
export function validityOf(vector: DuckDbVector, rows: number): Uint8Array | undefined {
  const list: unknown = Reflect.get(vector, "listVector") ?? vector;
  const validity: unknown = Reflect.get(list as object, "validity");
  const words: unknown = typeof validity === "object" && validity !== null ? Reflect.get(validity, "data") : undefined;
  if (words === null) return undefined;
  if (words instanceof BigUint64Array && words.length * 64 >= rows) {
    return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
  }
  const bits = new Uint8Array(Math.ceil(rows / 8));
  for (let row = 0; row < rows; row++) {
    if (vector.getItem(row) !== null) bits[row >> 3] = (bits[row >> 3] ?? 0) | (1 << (row & 7));
  }
  return bits;
}

function unknownLayout(what: string): Error {
  const remedy = "Use a version of @duckdb/node-api in the range ^1.5.5-r.5.";
  return storageError("CODEC_REFUSED", { codec: "duckdb", what, remedy });
}
