import { isValueOf, type Value, type ValueType } from "../define/value-type.ts";
import { featureStoreError } from "../errors.ts";
import { type ColumnData, describeColumn } from "./column-data.ts";

/**
 * Reads the values of a column as `type`.
 *
 * @throws COLUMN_TYPE_MISMATCH when the column holds something else; TIMESTAMP_NAIVE; and, when a value is read that
 * does not fit exactly, VALUE_OUT_OF_RANGE
 */
export function columnReader(
  data: ColumnData,
  type: ValueType,
  at: { readonly column: string; readonly table: string; readonly timezone?: "UTC" | undefined },
): (row: number) => Value | null {
  const convert = converter(data, type, at);
  return (row) => (data.valid?.[row] === 0 ? null : convert(row));
}

function converter(
  data: ColumnData,
  type: ValueType,
  at: { readonly column: string; readonly table: string; readonly timezone?: "UTC" | undefined },
): (row: number) => Value {
  const { column, table } = at;
  const mismatch = (): Error =>
    featureStoreError("COLUMN_TYPE_MISMATCH", { column, table, found: describeColumn(data), wanted: type });
  const misfit = (value: number | bigint): Error =>
    featureStoreError("VALUE_OUT_OF_RANGE", { value: String(value), of: column, type });
  // An all-null column of an empty or untyped source has no type to disagree with.
  if (data.values.length === 0) return () => 0;
  switch (type) {
    case "string":
      if (data.kind !== "string") throw mismatch();
      return (row) => data.dictionary[data.values[row] as number] as string;
    case "boolean":
      if (data.kind !== "boolean") throw mismatch();
      return (row) => data.values[row] === 1;
    case "timestamp":
      if (data.kind !== "time") throw mismatch();
      if (data.naive && at.timezone !== "UTC") throw featureStoreError("TIMESTAMP_NAIVE", { column, table });
      return (row) => BigInt(data.values[row] as number);
    case "int64":
      if (data.kind === "bigint") return (row) => data.values[row] as bigint;
      if (data.kind !== "number" || !data.integer) throw mismatch();
      return (row) => BigInt(data.values[row] as number);
    case "int32":
    case "float64":
      if (data.kind !== "number" && data.kind !== "bigint") throw mismatch();
      if (type === "int32" && data.kind === "number" && !data.integer) throw mismatch();
      return (row) => {
        const value = Number(data.values[row]);
        const fits =
          type === "int32" ? (value | 0) === value : data.kind === "number" || BigInt(value) === data.values[row];
        if (!fits) throw misfit(data.values[row] as number | bigint);
        return value;
      };
    default: {
      if (data.kind !== "vector") throw mismatch();
      return (row) => {
        const value = data.values[row] as Float32Array;
        if (isValueOf(type, value)) return value;
        const { length } = data.values[row] as Float32Array;
        const found = `a vector of ${length}, or one with a number that is not finite,`;
        throw featureStoreError("VALUE_OUT_OF_RANGE", { value: found, of: column, type });
      };
    }
  }
}
