import type { Data } from "apache-arrow";
import { dataOf } from "../parquet/batch.ts";
import { type ColumnType, decimalOf, type Value } from "../parquet/column-type.ts";
import { columnOf } from "../parquet/column.ts";
import { arrowField } from "../parquet/arrow-type.ts";

const wholes: readonly ColumnType[] = ["byte", "short", "integer", "long"];

/** True when every value of the one type is a value of the other: "Type Widening" of the Delta protocol. */
export function widens(from: ColumnType, to: ColumnType): boolean {
  const [whole, target] = [wholes.indexOf(from), wholes.indexOf(to)];
  if (whole >= 0 && target >= 0) return whole < target;
  if (to === "double") return from === "float" || (whole >= 0 && from !== "long");
  if (from === "date") return to === "timestamp_ntz";
  const [before, after] = [decimalOf(from), decimalOf(to)];
  if (after === undefined) return false;
  const room = after.precision - after.scale;
  if (whole >= 0) return room >= (from === "long" ? 20 : 10);
  return before !== undefined && from !== to && after.scale >= before.scale && room >= before.precision - before.scale;
}

/** The same values in a wider type. */
export function widened(data: Data, from: ColumnType, to: ColumnType): Data {
  const column = columnOf(arrowField("", from), data);
  const change = changeOf(from, to);
  return dataOf(
    to,
    Array.from({ length: column.length }, (_, row) => {
      const value = column.get(row);
      return value === null ? null : change(value);
    }),
  );
}

function changeOf(from: ColumnType, to: ColumnType): (value: Value) => Value {
  if (from === "date") return (value) => BigInt(Number(value)) * 86_400_000_000n;
  const after = decimalOf(to);
  if (after === undefined) return to === "long" ? (value) => BigInt(value as number) : (value) => value;
  const factor = 10n ** BigInt(after.scale - (decimalOf(from)?.scale ?? 0));
  return (value) => BigInt(value as number | bigint) * factor;
}
