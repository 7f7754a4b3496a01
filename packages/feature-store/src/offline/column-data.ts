/**
 * One column of a table in memory. `valid` has one byte per row, and is absent when no row is null.
 *
 * - `number`: exact in a double. `integer` when every value is whole by its type.
 * - `bigint`: 64-bit integers of which some are beyond 2^53.
 * - `string`: codes into a dictionary.
 * - `time`: epoch microseconds, exact in a double.
 * - `vector`: lists of floats, empty where the row is null.
 */
export type ColumnData =
  | { readonly kind: "number"; readonly values: Float64Array; readonly integer: boolean; readonly valid?: Uint8Array }
  | { readonly kind: "bigint"; readonly values: BigInt64Array; readonly valid?: Uint8Array }
  | { readonly kind: "boolean"; readonly values: Uint8Array; readonly valid?: Uint8Array }
  | {
      readonly kind: "string";
      readonly values: Int32Array;
      readonly dictionary: readonly string[];
      readonly valid?: Uint8Array;
    }
  | { readonly kind: "time"; readonly values: Float64Array; readonly naive: boolean; readonly valid?: Uint8Array }
  | { readonly kind: "vector"; readonly values: readonly Float32Array[]; readonly valid?: Uint8Array };

/** What a column holds, in words for an error. */
export function describeColumn(column: ColumnData): string {
  if (column.kind === "number") return column.integer ? "integers" : "floating-point numbers";
  if (column.kind === "bigint") return "integers beyond 2^53";
  if (column.kind === "time") return column.naive ? "timestamps without a zone" : "timestamps";
  return `${column.kind}s`;
}

/** 64-bit integers as doubles where all of them are exact, read as pairs of 32-bit words because that is ten times faster. */
export function fromInt64(values: BigInt64Array, valid: Uint8Array | undefined): ColumnData {
  const words = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
  const doubles = new Float64Array(values.length);
  for (let row = 0; row < values.length; row++) {
    const high = words[2 * row + 1] as number;
    if ((high >= 0x200000 || high < -0x200000) && valid?.[row] !== 0) {
      return valid === undefined ? { kind: "bigint", values } : { kind: "bigint", values, valid };
    }
    doubles[row] = high * 4294967296 + ((words[2 * row] as number) >>> 0);
  }
  return { kind: "number", values: doubles, integer: true, ...(valid === undefined ? {} : { valid }) };
}
