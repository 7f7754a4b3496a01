import type { Value } from "./column-type.ts";
import type { Column } from "./column.ts";

/** The bytes of a column of strings or blobs; row `i` has those from `offsets[i]` to `offsets[i + 1]`. */
export interface ColumnBytes {
  readonly bytes: Uint8Array;
  readonly offsets: Int32Array;
}

/** Columns that are not plain Arrow strings are laid out as such once. */
const laidOut = new WeakMap<Column, ColumnBytes>();

export function bytesOfColumn(column: Column): ColumnBytes {
  const offsets: unknown = column.codes === undefined ? column.data.valueOffsets : undefined;
  if (offsets instanceof Int32Array) return { bytes: column.data.values as Uint8Array, offsets };
  let found = laidOut.get(column);
  if (found === undefined) laidOut.set(column, (found = layOut(column)));
  return found;
}

function layOut({ length, get }: Column): ColumnBytes {
  const parts = Array.from({ length }, (_, row) => bytesOfValue(get(row)));
  const offsets = new Int32Array(length + 1);
  for (const [row, part] of parts.entries()) offsets[row + 1] = (offsets[row] as number) + part.byteLength;
  return { bytes: Buffer.concat(parts), offsets };
}

const utf8 = new TextEncoder();

export function bytesOfValue(value: Value | null): Uint8Array {
  return typeof value === "string" ? utf8.encode(value) : ((value ?? new Uint8Array()) as Uint8Array);
}
