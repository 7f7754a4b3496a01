import { type RecordBatch, Schema } from "apache-arrow";
import { storageError } from "../errors.ts";
import { batchOf, takeRows } from "../parquet/batch.ts";
import { isNested, typeText } from "../parquet/column-type.ts";
import { type Column, columnsOf } from "../parquet/column.ts";
import { groups } from "./grouping.ts";
import { encodeValue } from "./partition-value.ts";
import type { TableColumn } from "./schema.ts";

export { decodeValue } from "./partition-value.ts";

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
    if (type === "float" || type === "double" || type === "binary" || isNested(type))
      return `"${name}" is ${typeText(type)}, which has no exact name`;
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
