import type { KeyType } from "../define/entity.ts";
import { featureStoreError } from "../errors.ts";
import { type ColumnData, describeColumn } from "./column-data.ts";

/** One part of a key. An integer is a number where that is exact, else a bigint, so that every width meets every other. */
export type KeyPart = string | number | boolean | bigint;

/**
 * Gives each distinct key a small number. Parts are numbered by themselves and paired as numbers, never joined as text,
 * so `("1", "11")` and `("11", "1")` stay two keys.
 */
export class KeyDictionary {
  readonly #parts: readonly Map<KeyPart, number>[];
  readonly #pairs: readonly Map<number, number>[][];
  readonly #keys: (readonly KeyPart[])[] = [];

  constructor(width: number) {
    this.#parts = Array.from({ length: width }, () => new Map<KeyPart, number>());
    this.#pairs = Array.from({ length: width - 1 }, () => []);
  }

  get size(): number {
    return this.#keys.length;
  }

  /** The key with this code. */
  key(code: number): readonly KeyPart[] {
    return this.#keys[code] as readonly KeyPart[];
  }

  /** The codes of some rows; -1 for a key with a null and, unless `add` is set, for one never seen. */
  encode(columns: readonly ColumnData[], rows: number, add: boolean): Int32Array {
    const parts = columns.map((column, i) => encodePart(this.#parts[i] as Map<KeyPart, number>, column, rows, add));
    let codes = parts[0] as Int32Array;
    for (let i = 1; i < parts.length; i++) {
      codes = pair(this.#pairs[i - 1] as Map<number, number>[], codes, parts[i] as Int32Array, add);
    }
    if (add) this.#remember(codes, columns);
    return codes;
  }

  #remember(codes: Int32Array, columns: readonly ColumnData[]): void {
    for (let row = 0; row < codes.length; row++) {
      const code = codes[row] as number;
      // A part code of a single-column key is the key's own code; both are given out in order of appearance.
      if (code >= 0 && this.#keys[code] === undefined) this.#keys[code] = columns.map((column) => keyPart(column, row));
    }
  }
}

/** Two codes as one exact double: 21 bits of the left (its others choose the map) and 31 of the right. */
function pair(pairs: Map<number, number>[], left: Int32Array, right: Int32Array, add: boolean): Int32Array {
  let size = pairs.reduce((sum, map) => sum + map.size, 0);
  return left.map((code, row) => {
    const other = right[row] as number;
    if (code < 0 || other < 0) return -1;
    const map = (pairs[code >>> 21] ??= new Map<number, number>());
    const key = (code & 0x1fffff) * 0x80000000 + other;
    const known = map.get(key);
    if (known !== undefined) return known;
    if (!add) return -1;
    map.set(key, size);
    return size++;
  });
}

function encodePart(codes: Map<KeyPart, number>, column: ColumnData, rows: number, add: boolean): Int32Array {
  const out = new Int32Array(rows);
  const byCode = column.kind === "string" ? new Int32Array(column.dictionary.length).fill(-2) : undefined;
  for (let row = 0; row < rows; row++) {
    if (column.valid?.[row] === 0) out[row] = -1;
    else if (byCode === undefined) out[row] = codeOf(codes, keyPart(column, row), add);
    else {
      const own = column.values[row] as number;
      if (byCode[own] === -2) byCode[own] = codeOf(codes, keyPart(column, row), add);
      out[row] = byCode[own] as number;
    }
  }
  return out;
}

function codeOf(codes: Map<KeyPart, number>, key: KeyPart, add: boolean): number {
  const known = codes.get(key);
  if (known !== undefined) return known;
  if (!add) return -1;
  codes.set(key, codes.size);
  return codes.size - 1;
}

/** The part of a row's key that a column holds, which must not be null there. */
export function keyPart(column: ColumnData, row: number): KeyPart {
  if (column.kind === "string") return column.dictionary[column.values[row] as number] as string;
  if (column.kind === "boolean") return column.values[row] === 1;
  if (column.kind === "bigint") return exactInteger(column.values[row] as bigint);
  return column.values[row] as number;
}

/** Whether a value is an integer of 64 bits. A number beyond 2^53 is none: it may stand for several. */
export const isInteger = (value: unknown): value is bigint | number =>
  typeof value === "bigint" ? BigInt.asIntN(64, value) === value : Number.isSafeInteger(value);

/** The one form of an integer key: a number where that is exact. */
export function exactInteger(value: bigint | number): bigint | number {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** @throws COLUMN_TYPE_MISMATCH when the column cannot hold keys of the declared type */
export function assertKeyColumn(data: ColumnData, key: { column: string; table: string; type: KeyType }): void {
  const fits =
    key.type === "int64" ? data.kind === "bigint" || (data.kind === "number" && data.integer) : data.kind === key.type;
  // A column without a single value fits every type.
  if (fits || data.values.length === 0) return;
  const { column, table, type } = key;
  throw featureStoreError("COLUMN_TYPE_MISMATCH", { column, table, found: describeColumn(data), wanted: type });
}
