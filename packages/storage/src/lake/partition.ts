import { type RecordBatch, Schema } from "apache-arrow";
import { storageError } from "../errors.ts";
import { batchOf, takeRows } from "../parquet/batch.ts";
import type { ColumnType, Scalar } from "../parquet/column-type.ts";
import { type Column, columnsOf } from "../parquet/column.ts";
import type { TableColumn } from "./schema.ts";

/** @throws PARTITION_INVALID */
export function assertPartitionable(
  table: string,
  columns: readonly TableColumn[],
  partitionBy: readonly string[],
): void {
  const problem = problemOf(columns, partitionBy);
  if (problem !== undefined) throw storageError("PARTITION_INVALID", { table, problem });
}

function problemOf(columns: readonly TableColumn[], partitionBy: readonly string[]): string | undefined {
  if (new Set(partitionBy).size !== partitionBy.length) return "a partition column is named twice";
  for (const name of partitionBy) {
    const type = columns.find((column) => column.name === name)?.type;
    if (type === undefined) return `there is no column "${name}"`;
    if (type === "float" || type === "double" || type === "binary")
      return `"${name}" is ${type}, which has no exact name`;
  }
  return partitionBy.length === columns.length ? "every column would be a partition column" : undefined;
}

/** The rows of one partition in a batch, without the partition columns. */
export interface Part {
  readonly values: Readonly<Record<string, string | null>>;
  readonly rows: RecordBatch;
}

/** Cuts a batch into its partitions. @throws PARTITION_INVALID */
export function* partitions(table: string, batch: RecordBatch, partitionBy: readonly string[]): Generator<Part> {
  const data = without(batch, partitionBy);
  if (partitionBy.length === 0) return yield { values: {}, rows: data };
  const columns = columnsOf(batch).filter((column) => partitionBy.includes(column.name));
  for (const rows of groups(columns, batch.numRows)) {
    const first = rows[0] ?? 0;
    const values = partitionBy.map((name) => {
      const column = columns.find((candidate) => candidate.name === name) as Column;
      return [name, encodeValue(table, column, first)] as const;
    });
    yield { values: Object.fromEntries(values), rows: takeRows(data, rows) };
  }
}

function without(batch: RecordBatch, columns: readonly string[]): RecordBatch {
  const kept = batch.schema.fields.map((field) => !columns.includes(field.name));
  const fields = batch.schema.fields.filter((_, index) => kept[index]);
  const data = batch.data.children.filter((_, index) => kept[index]);
  return batchOf(new Schema(fields), data, batch.numRows);
}

/** Row numbers by equal values of all columns, in order of first appearance. */
function groups(columns: readonly Column[], rows: number): Int32Array[] {
  const codes = columns.map((column) => codesOf(column, rows));
  const groupOf = new Map<string | number, number>();
  const group = new Int32Array(rows);
  const sizes: number[] = [];
  for (let row = 0; row < rows; row++) {
    const key = codes.length === 1 ? (codes[0]?.[row] ?? 0) : codes.map((code) => code[row]).join();
    let index = groupOf.get(key);
    if (index === undefined) {
      index = sizes.push(0) - 1;
      groupOf.set(key, index);
    }
    group[row] = index;
    sizes[index] = (sizes[index] ?? 0) + 1;
  }
  const members = sizes.map((size) => new Int32Array(size));
  const filled = sizes.map(() => 0);
  for (let row = 0; row < rows; row++) {
    const index = group[row] ?? 0;
    const position = filled[index] ?? 0;
    (members[index] as Int32Array)[position] = row;
    filled[index] = position + 1;
  }
  return members;
}

function codesOf(column: Column, rows: number): Int32Array {
  const known = new Map<Scalar | null, number>();
  const codes = new Int32Array(rows);
  for (let row = 0; row < rows; row++) {
    const value = column.get(row);
    let code = known.get(value);
    if (code === undefined) {
      code = known.size;
      known.set(value, code);
    }
    codes[row] = code;
  }
  return codes;
}

/** "Partition Value Serialization" of the Delta protocol. */
function encodeValue(table: string, column: Column, row: number): string | null {
  const value = column.get(row);
  if (value === null) return null;
  if (value === "") {
    const problem = `"${column.name}" has an empty string, which Delta cannot tell from a null`;
    throw storageError("PARTITION_INVALID", { table, problem });
  }
  if (column.type === "date") return new Date(Number(value) * 86_400_000).toISOString().slice(0, 10);
  if (typeof value === "bigint" && column.type !== "long") return timestampText(value).replace("T", " ").slice(0, -1);
  return String(value);
}

/** A timestamp in microseconds as ISO text in UTC with six decimals. */
export function timestampText(micros: bigint): string {
  const below = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const seconds = new Date(Number((micros - below) / 1000n)).toISOString().slice(0, 19);
  return `${seconds}.${String(below).padStart(6, "0")}Z`;
}

/** Microseconds from the forms that Delta writers use; undefined when the text is none of them. */
export function parseTimestamp(text: string): bigint | undefined {
  const match = /^(-?\d{4,6}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d)?$/.exec(text);
  if (match === null) return undefined;
  const [, day, time = "00:00:00", fraction = "", zone = "Z"] = match;
  const millis = Date.parse(`${day}T${time}${zone}`);
  return Number.isNaN(millis) ? undefined : BigInt(millis) * 1000n + BigInt(fraction.padEnd(6, "0").slice(0, 6));
}

/** A partition value by its column's type; undefined when the text is not of that type. */
export function decodeValue(type: ColumnType, text: string | null): Scalar | null | undefined {
  if (text === null || text === "") return null;
  switch (type) {
    case "string":
      return text;
    case "boolean":
      return text === "true" ? true : text === "false" ? false : undefined;
    case "long":
      return /^-?\d+$/.test(text) ? BigInt(text) : undefined;
    case "date": {
      const days = Date.parse(`${text}T00:00:00Z`) / 86_400_000;
      return Number.isInteger(days) ? days : undefined;
    }
    case "timestamp":
    case "timestamp_ntz":
      return parseTimestamp(text);
    case "byte":
    case "short":
    case "integer":
    case "float":
    case "double":
      return Number.isNaN(Number(text)) ? undefined : Number(text);
    case "binary":
      return undefined;
  }
}

/** The Hive form of a partition: `month=2001-06/day=3/`, or nothing. */
export function partitionPath(partitionBy: readonly string[], values: Readonly<Record<string, string | null>>): string {
  return partitionBy.map((name) => `${hive(name)}=${hive(values[name] ?? "__HIVE_DEFAULT_PARTITION__")}/`).join("");
}

const hive = (text: string): string =>
  // eslint-disable-next-line no-control-regex -- Hive escapes control characters
  text.replace(/["#%'*/:=?\\{[\]^\u0000-\u001f\u007f]/g, (character) => {
    return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
  });

/** A path as it stands in the log: URI-encoded, with `/` and `=` as they are. */
export function encodePath(path: string): string {
  return encodeURIComponent(path).replaceAll("%2F", "/").replaceAll("%3D", "=");
}
