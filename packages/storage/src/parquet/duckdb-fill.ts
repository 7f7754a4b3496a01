import { type ColumnType, decimalOf, isNested, type NestedType, type Value } from "./column-type.ts";
import type { Column } from "./column.ts";
import type { DuckDbLibrary, DuckDbVector } from "./duckdb-library.ts";
import { decimalWidth } from "./duckdb-types.ts";
import { bytesOf, itemsOf } from "./duckdb-vector.ts";

/** Writes rows of a column into a vector. Strings go as bytes: their vector is one of blobs. */
export type Fill = (vector: DuckDbVector, column: Column, start: number, rows: number) => void;

/** How a column of this type is written. */
export function fillOf(lib: DuckDbLibrary, type: ColumnType): Fill {
  if (isNested(type)) return fillItems(itemOf(type));
  const decimal = decimalOf(type);
  if (decimal !== undefined) return fillDecimals(decimalWidth(decimal.precision));
  if (type === "boolean") return fillBooleans;
  if (type === "string" || type === "binary") return writesInPlace(lib) ? fillBytes : fillItems(itemOf("binary"));
  return fillNumbers;
}

const known = new WeakMap<DuckDbLibrary, boolean>();

/** Whether the memory that a vector shows is the vector's own, so that what is written there need not be handed over. */
function writesInPlace(lib: DuckDbLibrary): boolean {
  let inPlace = known.get(lib);
  if (inPlace === undefined) {
    const chunk = lib.DuckDBDataChunk.create([lib.BIGINT], 1);
    itemsOf(chunk.getColumnVector(0))[0] = 42n as never;
    chunk.rowCount = 1;
    inPlace = itemsOf(chunk.getColumnVector(0))[0] === (42n as never);
    known.set(lib, inPlace);
  }
  return inPlace;
}

function fillNumbers(vector: DuckDbVector, column: Column, start: number, rows: number): void {
  if (column.numbers !== undefined) itemsOf(vector).set(column.numbers.subarray(start, start + rows) as never);
  else for (let row = 0; row < rows; row++) itemsOf(vector)[row] = (column.get(start + row) ?? 0) as never;
  setNulls(vector, column, start, rows);
  vector.flush();
}

function setNulls(vector: DuckDbVector, column: Column, start: number, rows: number): void {
  if (column.nullCount === 0) return;
  for (let row = 0; row < rows; row++) if (column.isNull(start + row)) vector.setItem(row, null);
}

function fillBooleans(vector: DuckDbVector, column: Column, start: number, rows: number): void {
  const bytes = bytesOf(vector, rows, 1);
  for (let row = 0; row < rows; row++) bytes.setUint8(row, column.get(start + row) === true ? 1 : 0);
  setNulls(vector, column, start, rows);
  vector.flush();
}

/** The low words of Arrow's 128-bit decimals. */
function fillDecimals(width: 2 | 4 | 8 | 16): Fill {
  return (vector, column, start, rows) => {
    const words = column.data.values as Uint32Array;
    const view = bytesOf(vector, rows, width);
    for (let row = 0; row < rows; row++) {
      const from = (start + row) * 4;
      if (width === 2) view.setInt16(row * 2, words[from] as number, true);
      else for (let at = 0; at < width; at += 4) view.setUint32(row * width + at, words[from + at / 4] as number, true);
    }
    setNulls(vector, column, start, rows);
    vector.flush();
  };
}

/** Strings of up to 12 bytes are written where they stand: DuckDB's `string_t`. Longer ones are handed over. */
function fillBytes(vector: DuckDbVector, column: Column, start: number, rows: number): void {
  const { bytes, startOf } = bytesParts(column);
  const view = bytesOf(vector, rows, 16);
  const into = new Uint8Array(view.buffer, view.byteOffset, rows * 16).fill(0);
  const nulls = column.nullCount > 0;
  for (let row = 0; row < rows; row++) {
    if (nulls && column.isNull(start + row)) {
      vector.setItem(row, null);
      continue;
    }
    const from = startOf(start + row);
    const length = startOf(start + row + 1) - from;
    if (length > 12) vector.setItem(row, { bytes: bytes.subarray(from, from + length) });
    else {
      const to = row * 16;
      into[to] = length;
      for (let i = 0; i < length; i++) into[to + 4 + i] = bytes[from + i] as number;
    }
  }
  vector.flush();
}

interface BytesParts {
  readonly bytes: Uint8Array;
  startOf(this: void, row: number): number;
}

const utf8 = new TextEncoder();

function bytesParts({ data, length, get }: Column): BytesParts {
  const plain = data.dictionary === undefined || data.dictionary === null;
  const offsets: unknown = plain ? data.valueOffsets : undefined;
  if (offsets instanceof Int32Array)
    return { bytes: data.values as Uint8Array, startOf: (row) => offsets[row] as number };
  const parts = Array.from({ length }, (_, row) => bytesOfValue(get(row)));
  const ends = new Int32Array(length + 1);
  for (const [row, part] of parts.entries()) ends[row + 1] = (ends[row] as number) + part.byteLength;
  return { bytes: Buffer.concat(parts), startOf: (row) => ends[row] as number };
}

function bytesOfValue(value: Value | null): Uint8Array {
  return typeof value === "string" ? utf8.encode(value) : ((value ?? new Uint8Array()) as Uint8Array);
}

function fillItems(item: (value: Value) => unknown): Fill {
  return (vector, column, start, rows) => {
    for (let row = 0; row < rows; row++) {
      const value = column.get(start + row);
      vector.setItem(row, value === null ? null : item(value));
    }
    vector.flush();
  };
}

/** A value as the library's vectors take it. */
function itemOf(type: ColumnType): (value: Value) => unknown {
  if (isNested(type)) return nestedItemOf(type);
  if (decimalOf(type) !== undefined) return (value) => ({ value });
  switch (type) {
    case "binary":
      return (value) => ({ bytes: bytesOfValue(value) });
    case "date":
      return (days) => ({ days });
    case "timestamp":
    case "timestamp_ntz":
      return (micros) => ({ micros });
    default:
      return (value) => value;
  }
}

function nestedItemOf(type: NestedType): (value: Value) => unknown {
  switch (type.type) {
    case "struct": {
      const fields = type.fields.map((field) => [field.name, nullable(itemOf(field.type))] as const);
      return (value) => ({
        entries: Object.fromEntries(
          fields.map(([name, item]) => [name, item((value as Readonly<Record<string, Value | null>>)[name] ?? null)]),
        ),
      });
    }
    case "array": {
      const item = nullable(itemOf(type.elementType));
      return (value) => ({ items: (value as readonly (Value | null)[]).map(item) });
    }
    case "map": {
      const [key, item] = [itemOf(type.keyType), nullable(itemOf(type.valueType))];
      return (value) => ({
        entries: (value as readonly (readonly [Value, Value | null])[]).map((pair) => ({
          key: key(pair[0]),
          value: item(pair[1]),
        })),
      });
    }
  }
}

function nullable(item: (value: Value) => unknown): (value: Value | null) => unknown {
  return (value) => (value === null ? null : item(value));
}
