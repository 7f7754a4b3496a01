import { Type } from "apache-arrow";
import type { Value } from "../parquet/column-type.ts";
import type { Column } from "../parquet/column.ts";

/** Row numbers by equal values of all columns, in order of first appearance. */
export function groups(columns: readonly Column[], rows: number): Int32Array[] {
  if (rows > 0 && columns.every(isConstant)) return [firstRows(rows)];
  const { codes, count } = columns.map(codesOf).reduce((a, b) => combined(a, b, rows));
  const sizes = new Int32Array(count);
  for (let row = 0; row < rows; row++) {
    const code = codes[row] as number;
    sizes[code] = (sizes[code] as number) + 1;
  }
  const members = Array.from(sizes, (size) => new Int32Array(size));
  const filled = new Int32Array(count);
  for (let row = 0; row < rows; row++) {
    const code = codes[row] as number;
    const position = filled[code] as number;
    (members[code] as Int32Array)[position] = row;
    filled[code] = position + 1;
  }
  return members;
}

function firstRows(count: number): Int32Array {
  const rows = new Int32Array(count);
  for (let row = 0; row < count; row++) rows[row] = row;
  return rows;
}

/** Whether every row of a column of strings has the same, as is mostly so where rows come in the order of partitions. */
function isConstant({ data, length: rows, nullCount }: Column): boolean {
  if (data.typeId !== Type.Utf8 || nullCount > 0) return false;
  const offsets = data.valueOffsets as Int32Array;
  const first = offsets[0] as number;
  const size = (offsets[1] as number) - first;
  for (let row = 1; row <= rows; row++) if (offsets[row] !== first + row * size) return false;
  const bytes = (data.values as Uint8Array).subarray(first, first + rows * size);
  return Buffer.compare(bytes.subarray(size), bytes.subarray(0, bytes.length - size)) === 0;
}

/** A number for each row, equal for equal values, from 0 up in order of first appearance. */
interface Codes {
  readonly codes: Int32Array;
  readonly count: number;
}

function codesOf(column: Column): Codes {
  const { data, length } = column;
  if (data.typeId === Type.Utf8 && column.nullCount === 0) {
    return codesOfText(data.values as Uint8Array, data.valueOffsets, length);
  }
  const known = new Map<Value | null, number>();
  const codes = new Int32Array(length);
  for (let row = 0; row < length; row++) {
    const value = column.get(row);
    let code = known.get(value);
    if (code === undefined) known.set(value, (code = known.size));
    codes[row] = code;
  }
  return { codes, count: known.size };
}

/** Rows mostly repeat the one before; others are found by a hash of their bytes, and compared. */
function codesOfText(bytes: Uint8Array, offsets: Int32Array, rows: number): Codes {
  const codes = new Int32Array(rows);
  const firstRows: number[] = [];
  const byHash = new Map<number, number[]>();
  const equal = (a: number, b: number): boolean => {
    const [startA, startB] = [offsets[a] as number, offsets[b] as number];
    const length = (offsets[a + 1] as number) - startA;
    if (length !== (offsets[b + 1] as number) - startB) return false;
    for (let i = 0; i < length; i++) if (bytes[startA + i] !== bytes[startB + i]) return false;
    return true;
  };
  for (let row = 0; row < rows; row++) {
    const before = row === 0 ? -1 : (codes[row - 1] as number);
    if (before >= 0 && equal(row, firstRows[before] as number)) {
      codes[row] = before;
      continue;
    }
    let hash = 0x811c9dc5;
    for (let at = offsets[row] as number; at < (offsets[row + 1] as number); at++) {
      hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193);
    }
    const candidates = byHash.get(hash);
    let code = candidates?.find((candidate) => equal(row, firstRows[candidate] as number));
    if (code === undefined) {
      code = firstRows.push(row) - 1;
      if (candidates === undefined) byHash.set(hash, [code]);
      else candidates.push(code);
    }
    codes[row] = code;
  }
  return { codes, count: firstRows.length };
}

function combined(a: Codes, b: Codes, rows: number): Codes {
  const known = new Map<number, number>();
  const codes = new Int32Array(rows);
  for (let row = 0; row < rows; row++) {
    const key = (a.codes[row] as number) * b.count + (b.codes[row] as number);
    let code = known.get(key);
    if (code === undefined) known.set(key, (code = known.size));
    codes[row] = code;
  }
  return { codes, count: known.size };
}
