import type { RecordBatch } from "apache-arrow";
import { storageError } from "../errors.ts";
import { isNested, type Value } from "../parquet/column-type.ts";
import { type Column, columnsOf } from "../parquet/column.ts";
import { compare } from "../parquet/predicate.ts";
import type { Scalar } from "../parquet/column-type.ts";
import { columnNamed } from "./data-file.ts";
import type { TableColumn } from "./schema.ts";

/** How rows are laid out in files. */
export interface Clustering {
  readonly kind: "sort" | "z-order";
  readonly columns: readonly string[];
}

/** @throws COLUMN_UNKNOWN, OPTION_INVALID */
export function assertClusterable(
  option: string,
  columns: readonly TableColumn[],
  partitionBy: readonly string[],
  names: readonly string[],
): void {
  const invalid = (rule: string): Error =>
    storageError("OPTION_INVALID", { option, value: JSON.stringify(names), rule });
  if (names.length === 0 || new Set(names).size < names.length) throw invalid("it must name columns, each once");
  for (const name of names) {
    if (isNested(columnNamed(columns, name).type)) throw invalid(`the column "${name}" is nested and has no order`);
    if (partitionBy.includes(name)) throw invalid(`the partition column "${name}" is the same in a whole file`);
  }
}

/** The rows of a batch in the order of a clustering; equal rows keep their order. */
export function clusteredRows(batch: RecordBatch, { kind, columns }: Clustering): Int32Array {
  const byName = new Map(columnsOf(batch).map((column) => [column.name, column]));
  const sorts = columns.map((name) => valuesOf(byName.get(name) as Column));
  const rows = Int32Array.from({ length: batch.numRows }, (_, row) => row);
  if (kind === "z-order" && sorts.length > 1) {
    const curve = zValues(sorts.map((values) => ranks(values)));
    return rows.sort((a, b) => (curve[a] as number) - (curve[b] as number) || a - b);
  }
  return rows.sort((a, b) => {
    for (const values of sorts) {
      const order = ordered(values[a] ?? null, values[b] ?? null);
      if (order !== 0) return order;
    }
    return a - b;
  });
}

const valuesOf = (column: Column): (Value | null)[] =>
  Array.from({ length: column.length }, (_, row) => column.get(row));

/** Nulls first, NaN last, bytes by their values. */
function ordered(a: Value | null, b: Value | null): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? -1 : 1;
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b);
  const order = compare(a as Scalar, b as Scalar);
  return Number.isNaN(order) ? Number(a !== a) - Number(b !== b) : order;
}

/** The place of each value among the distinct ones, from 0 to 1: equal values have equal ranks. */
function ranks(values: readonly (Value | null)[]): Float64Array {
  const rows = Int32Array.from(values.keys()).sort((a, b) => ordered(values[a] ?? null, values[b] ?? null));
  const places = new Float64Array(values.length);
  let place = 0;
  for (const [index, row] of rows.entries()) {
    const before = rows[index - 1];
    if (before !== undefined && ordered(values[before] ?? null, values[row] ?? null) !== 0) place += 1;
    places[row] = place;
  }
  return place === 0 ? places : places.map((own) => own / place);
}

/** Positions on a Z-order curve through columns of ranks (Morton 1966), in as many bits as a double holds exactly. */
export function zValues(columns: readonly Float64Array[]): Float64Array {
  const bits = Math.min(20, Math.max(1, Math.floor(52 / columns.length)));
  const rows = columns[0]?.length ?? 0;
  const curve = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    const places = columns.map((ranksOf) => Math.floor((ranksOf[row] ?? 0) * (2 ** bits - 1)));
    let value = 0;
    for (let bit = bits - 1; bit >= 0; bit--) {
      for (const place of places) value = value * 2 + ((place >> bit) & 1);
    }
    curve[row] = value;
  }
  return curve;
}
