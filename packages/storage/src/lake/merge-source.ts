import type { Data, RecordBatch } from "apache-arrow";
import { storageError } from "../errors.ts";
import { batchOf, dataOf } from "../parquet/batch.ts";
import { type ColumnType, isNested, type Value } from "../parquet/column-type.ts";
import { type Column, columnsOf, type Numbers } from "../parquet/column.ts";
import { numbersFor } from "../parquet/data-of.ts";
import type { ParquetCodec } from "../parquet/port.ts";
import { compare, type Condition, type Predicate, type PredicateValue } from "../parquet/predicate.ts";
import { columnNamed } from "./data-file.ts";
import { fitted } from "./evolve.ts";
import { incomingRows, type Rows } from "./incoming-rows.ts";
import { assertJson } from "./json-column.ts";
import { arrange, arrowOf, type TableColumn } from "./schema.ts";
import type { Definition } from "./state.ts";

type Key = string | number | bigint | boolean;

/** The rows to merge, held in memory, by their keys. */
export interface MergeSource {
  /** All rows, in the table's columns as far as they have them. */
  readonly rows: RecordBatch;
  readonly columns: readonly TableColumn[];
  /** The number of the row with this key; of several the first. */
  rowOf(key: Key): number | undefined;
  /** How many rows have the key of this row. */
  rowsLike(row: number): number;
  /** The first row with the key of each row, -1 for a key with a null. */
  readonly first: Int32Array;
  /** Holds for every row of the table that a row here could match. */
  readonly where: Predicate;
}

/** @throws SCHEMA_MISMATCH, COLUMN_UNKNOWN, OPTION_INVALID */
export async function mergeSource(
  codec: ParquetCodec,
  table: string,
  definition: Definition,
  on: readonly string[],
  rows: Rows,
  { json, signal }: { readonly json: "refused" | "held"; readonly signal: AbortSignal | undefined },
): Promise<MergeSource> {
  const keys = keyColumns(definition.columns, on);
  await using incoming = await incomingRows(codec, rows);
  const given = new Set(incoming.schema?.names ?? on);
  const columns = definition.columns.filter((column) => given.has(column.name));
  const missing = keys.find((key) => !columns.includes(key));
  if (missing !== undefined) {
    throw storageError("SCHEMA_MISMATCH", { table, problem: `the rows lack the key column "${missing.name}"` });
  }
  const parts: RecordBatch[] = [];
  for await (const batch of incoming.batches) {
    signal?.throwIfAborted();
    if (json === "refused") assertJson(table, columns, batch);
    parts.push(arrange(table, columns, fitted(table, columns, batch)));
  }
  return indexed(concatenated(columns, parts), columns, keys);
}

/** @throws COLUMN_UNKNOWN, OPTION_INVALID */
export function keyColumns(columns: readonly TableColumn[], on: readonly string[]): readonly TableColumn[] {
  const invalid = (rule: string): Error =>
    storageError("OPTION_INVALID", { option: "on", value: JSON.stringify(on), rule });
  if (on.length === 0) throw invalid("it must name a column");
  return on.map((name) => {
    const column = columnNamed(columns, name);
    if (isNested(column.type)) throw invalid(`the column "${name}" is nested, and cannot be a key`);
    return column;
  });
}

/** Reads the keys of a batch; undefined where a part is null, which matches nothing. */
export function keyReader(batch: RecordBatch, on: readonly TableColumn[]): (row: number) => Key | undefined {
  const columns = columnsOf(batch);
  const parts = on.map(({ name }) => columns.find((column) => column.name === name) as Column);
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) {
    return (row) => {
      const value = only.get(row);
      return value === null ? undefined : plain(value);
    };
  }
  return (row) => {
    let key = "";
    for (const part of parts) {
      const value = part.get(row);
      if (value === null) return undefined;
      const text = String(plain(value));
      key += `${text.length}:${text}`;
    }
    return key;
  };
}

/** Equal for equal values, of which NaN is one; 0 and -0 are. */
function plain(value: Value): Key {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("latin1");
  return Object.is(value, -0) ? 0 : (value as Key);
}

function indexed(rows: RecordBatch, columns: readonly TableColumn[], on: readonly TableColumn[]): MergeSource {
  const keyOf = keyReader(rows, on);
  const index = new Map<Key, number>();
  const first = new Int32Array(rows.numRows).fill(-1);
  const counts = new Int32Array(rows.numRows);
  for (let row = 0; row < rows.numRows; row++) {
    const key = keyOf(row);
    if (key === undefined) continue;
    const known = index.get(key);
    if (known === undefined) index.set(key, row);
    first[row] = known ?? row;
    counts[known ?? row] = (counts[known ?? row] ?? 0) + 1;
  }
  return {
    rows,
    columns,
    rowOf: (key) => index.get(key),
    rowsLike: (row) => counts[first[row] ?? 0] ?? 0,
    first,
    where: boundsOf(rows, on, first),
  };
}

/** Beyond this many values a file is not asked for each of them. */
const listed = 64;

/** What the keys say of each key column: few values as they are, many by their bounds. */
function boundsOf(rows: RecordBatch, on: readonly TableColumn[], first: Int32Array): Predicate {
  const columns = columnsOf(rows);
  const entries = on.flatMap(({ name, type }): (readonly [string, Condition])[] => {
    if (type === "binary" || (typeof type === "string" && type.startsWith("decimal"))) return [];
    const column = columns.find((candidate) => candidate.name === name) as Column;
    const values = new Set<PredicateValue>();
    let [min, max]: (PredicateValue | undefined)[] = [];
    for (let row = 0; row < rows.numRows; row++) {
      if ((first[row] ?? -1) < 0) continue;
      const value = column.get(row) as PredicateValue;
      if (value !== value) return [];
      if (values.size <= listed) values.add(value);
      if (min === undefined || compare(value, min) < 0) min = value;
      if (max === undefined || compare(value, max) > 0) max = value;
    }
    if (values.size <= listed || min === undefined || max === undefined) return [[name, { in: [...values] }]];
    return [[name, { gte: min, lte: max }]];
  });
  return Object.fromEntries(entries);
}

/** One batch of many, each of the given columns. */
export function concatenated(columns: readonly TableColumn[], batches: readonly RecordBatch[]): RecordBatch {
  const [only] = batches;
  if (batches.length === 1 && only !== undefined) return only;
  const rows = batches.reduce((sum, batch) => sum + batch.numRows, 0);
  const parts = batches.map(columnsOf);
  const data = columns.map(({ type }, index): Data => {
    const own = parts.map((batch) => batch[index] as Column);
    return dataOf(type, joinedNumbers(type, own, rows) ?? own.flatMap(plainValues));
  });
  return batchOf(arrowOf(columns), data, rows);
}

/** Numbers without a null among them are joined as they are: a value of its own each would take some four times the memory. */
function joinedNumbers(type: ColumnType, columns: readonly Column[], rows: number): Numbers | undefined {
  if (columns.some((column) => column.numbers === undefined || column.nullCount > 0 || column.type !== type))
    return undefined;
  const joined = numbersFor(type, rows);
  let at = 0;
  for (const { numbers, length } of columns) {
    joined.set(numbers as never, at);
    at += length;
  }
  return joined;
}

const plainValues = (column: Column): (Value | null)[] =>
  Array.from({ length: column.length }, (_, row) => column.get(row));
