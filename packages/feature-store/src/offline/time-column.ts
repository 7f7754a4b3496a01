import { featureStoreError } from "../errors.ts";
import { type ColumnData, describeColumn } from "./column-data.ts";

/**
 * The epoch microseconds of a column; NaN where it is null.
 *
 * @throws COLUMN_TYPE_MISMATCH unless it holds timestamps
 * @throws TIMESTAMP_NAIVE when they have no zone and none was stated
 */
export function timeColumn(
  data: ColumnData,
  at: { readonly column: string; readonly table: string; readonly timezone?: "UTC" | undefined },
): Float64Array {
  const { column, table } = at;
  // A source without a single batch has no types to be wrong.
  if (data.values.length === 0) return new Float64Array(0);
  if (data.kind !== "time") {
    throw featureStoreError("COLUMN_TYPE_MISMATCH", {
      column,
      table,
      found: describeColumn(data),
      wanted: "a timestamp",
    });
  }
  if (data.naive && at.timezone !== "UTC") throw featureStoreError("TIMESTAMP_NAIVE", { column, table });
  if (data.valid === undefined) return data.values;
  return data.values.map((value, row) => (data.valid?.[row] === 0 ? NaN : value));
}
