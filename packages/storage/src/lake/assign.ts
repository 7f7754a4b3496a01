import type { Data, RecordBatch } from "apache-arrow";
import { storageError } from "../errors.ts";
import { batchOf, constantData, dataOf } from "../parquet/batch.ts";
import {
  type ColumnType,
  decimalOf,
  isNested,
  type PrimitiveType,
  typeText,
  type Value,
} from "../parquet/column-type.ts";
import { columnsOf } from "../parquet/column.ts";
import { brokenRule } from "../parquet/value-rule.ts";
import { columnNamed } from "./data-file.ts";
import { assertJsonText } from "./json-column.ts";
import type { TableColumn } from "./schema.ts";

/** A row as an object of plain values by column. */
export type Row = Readonly<Record<string, Value | null>>;

/** The value that a column is set to, in one row. */
export interface Assignment {
  readonly column: TableColumn;
  readonly value: Value | null | ((target: Row, source: Row) => Value | null);
}

/**
 * @param json texts for JSON columns that are none are refused here, or left to the expectations of the table
 * @throws COLUMN_UNKNOWN, OPTION_INVALID, UPDATE_INVALID for a constant that the column cannot hold
 */
export function assignmentsOf<Set>(
  table: string,
  columns: readonly TableColumn[],
  set: Readonly<Record<string, Set>>,
  { json }: { readonly json: "refused" | "held" },
): Assignment[] {
  const entries = Object.entries(set);
  if (entries.length === 0)
    throw storageError("OPTION_INVALID", { option: "set", value: "{}", rule: "it must name a column" });
  const fits = (column: TableColumn, value: Value | null): Value | null => {
    if (json === "refused") assertJsonText(table, column, value);
    return checked(table, column, value);
  };
  return entries.map(([name, given]) => {
    const column = columnNamed(columns, name);
    if (typeof given === "function") {
      const compute = given as (target: Row, source: Row) => Value | null;
      return { column, value: (target: Row, source: Row) => fits(column, compute(target, source)) };
    }
    return { column, value: fits(column, given as Value | null) };
  });
}

function checked(table: string, column: TableColumn, value: Value | null): Value | null {
  if (value === null ? column.nullable : holds(column.type, value)) return value;
  const shown = typeof value === "string" ? JSON.stringify(value) : `${String(value)} (${typeof value})`;
  throw storageError("UPDATE_INVALID", {
    table,
    column: column.name,
    type: `${typeText(column.type)}${column.nullable ? "" : " and not nullable"}`,
    value: shown,
  });
}

/** True when a column of the type can hold the value. What stands inside nested values is checked as it is written. */
export function holds(type: ColumnType, value: Value): boolean {
  if (isNested(type)) return typeof value === "object" && !(value instanceof Uint8Array);
  const decimal = decimalOf(type);
  if (decimal !== undefined) return typeof value === "bigint" && abs(value) < 10n ** BigInt(decimal.precision);
  const isWhole = type === "long" || type === "timestamp" || type === "timestamp_ntz";
  return !(isWhole && typeof value !== "bigint") && brokenRule(type as PrimitiveType, value) === undefined;
}

const abs = (value: bigint): bigint => (value < 0n ? -value : value);

/** Makes a row of a batch an object. */
export function rowReader(batch: RecordBatch): (row: number) => Row {
  const columns = columnsOf(batch);
  return (row) => Object.fromEntries(columns.map((column) => [column.name, column.get(row)]));
}

/** A batch in which every row has its columns set. */
export function assign(
  batch: RecordBatch,
  assignments: readonly Assignment[],
  sourceOf: (row: number) => Row = () => ({}),
): RecordBatch {
  const read = rowReader(batch);
  const rows: Row[] = [];
  // Rows become objects only for functions that look at them, and once.
  const rowOf = (row: number): Row => (rows[row] ??= read(row));
  const set = new Map<string, Data>();
  for (const { column, value } of assignments) {
    const compute = typeof value === "function" ? value : undefined;
    const data =
      compute === undefined
        ? constantData(column.type, value as Value | null, batch.numRows)
        : dataOf(
            column.type,
            Array.from({ length: batch.numRows }, (_, row) => compute(rowOf(row), sourceOf(row))),
          );
    set.set(column.name, data);
  }
  const data = batch.schema.fields.map((field, index) => set.get(field.name) ?? (batch.data.children[index] as Data));
  return batchOf(batch.schema, data, batch.numRows);
}
