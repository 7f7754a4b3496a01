import { Schema } from "apache-arrow";
import { type FileMetaData, parquetMetadataAsync } from "hyparquet";
import { isAshlarError } from "@ashlar/core";
import { storageError } from "../errors.ts";
import { arrowField, columnTypeOf } from "./arrow-type.ts";
import { type ColumnType, isDecimal, type Value } from "./column-type.ts";
import { fileColumns, type FileNode } from "./file-schema.ts";
import type { ColumnBounds, RowGroupInfo } from "./port.ts";
import type { ColumnTest } from "./predicate.ts";
import type { ParquetSource } from "./source.ts";

/** The end of a Parquet file: its schema, and what it says of its row groups. */
export interface Footer {
  readonly schema: Schema;
  readonly rows: number;
  readonly rowGroups: readonly RowGroupInfo[];
  readonly columns: readonly FileNode[];
  /** Compressions of its column chunks, in Parquet's names. */
  readonly compressions: ReadonlySet<string>;
  readonly metadata: FileMetaData;
}

/** hyparquet's form of a source. */
export function asyncBuffer(source: ParquetSource): {
  byteLength: number;
  slice(start: number, end?: number): Promise<ArrayBuffer>;
} {
  return {
    byteLength: source.size,
    async slice(start, end = source.size) {
      const bytes = await source.read(start, end);
      return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
    },
  };
}

const parsers = {
  timestampFromMilliseconds: (millis: bigint): bigint => millis * 1000n,
  timestampFromMicroseconds: (micros: bigint): bigint => micros,
  timestampFromNanoseconds: (): undefined => undefined,
  dateFromDays: (days: number): number => days,
};

/** Reads the footer. @throws PARQUET_CORRUPT, TYPE_UNSUPPORTED */
export async function readFooter(source: ParquetSource): Promise<Footer> {
  try {
    const metadata = await parquetMetadataAsync(asyncBuffer(source), { parsers, geoparquet: false });
    return footerOf(metadata);
  } catch (cause) {
    if (isAshlarError(cause, "TYPE_UNSUPPORTED")) throw cause;
    throw corrupt(source.name, cause);
  }
}

/** The error for a file that cannot be read, whatever was thrown. An error with a code stays as it is. */
export function corrupt(file: string, cause: unknown): Error {
  if (isAshlarError(cause, "CODEC_REFUSED") || isAshlarError(cause, "TYPE_UNSUPPORTED")) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return storageError("PARQUET_CORRUPT", { file, reason }, { cause });
}

function footerOf(metadata: FileMetaData): Footer {
  const columns = fileColumns(metadata.schema);
  const types = new Map(columns.map((column) => [column.name, column.type]));
  const chunks = metadata.row_groups.flatMap((group) => group.columns);
  const rowGroups = metadata.row_groups.map((group) => ({
    rows: countOf(group.num_rows),
    columns: boundsOf(group, types),
  }));
  const rows = countOf(metadata.num_rows);
  if (rowGroups.reduce((sum, group) => sum + group.rows, 0) !== rows) {
    throw new TypeError("its row groups do not add up to its rows");
  }
  return {
    schema: new Schema(columns.map(({ name, type, nullable }) => arrowField(name, type, nullable))),
    columns,
    rows,
    rowGroups,
    compressions: new Set(chunks.map((chunk) => chunk.meta_data?.codec ?? "UNCOMPRESSED")),
    metadata,
  };
}

function countOf(rows: bigint): number {
  const count = Number(rows);
  if (!Number.isSafeInteger(count) || count < 0) throw new TypeError(`its count of rows is ${count}`);
  return count;
}

function boundsOf(
  group: FileMetaData["row_groups"][number],
  types: ReadonlyMap<string, ColumnType>,
): Map<string, ColumnBounds> {
  return new Map(
    group.columns.flatMap(({ meta_data: meta }) => {
      const [name, ...within] = meta?.path_in_schema ?? [];
      const statistics = meta?.statistics;
      if (name === undefined || within.length > 0 || statistics === undefined) return [];
      const min = bound(types.get(name), statistics.min_value);
      const max = bound(types.get(name), statistics.max_value);
      const both = min === undefined || max === undefined ? {} : { min, max };
      const nulls = statistics.null_count === undefined ? {} : { nulls: Number(statistics.null_count) };
      return [[name, { ...both, ...nulls }] as const];
    }),
  );
}

/** A bound that can be trusted: no NaN, no rounded decimal, and no string that was cut within a character. */
function bound(type: ColumnType | undefined, value: unknown): Value | undefined {
  if (type === undefined || (isDecimal(type) && typeof value !== "bigint")) return undefined;
  if (typeof value === "number") return Number.isNaN(value) ? undefined : value;
  if (typeof value === "string") return type === "string" && !value.includes("\ufffd") ? value : undefined;
  return typeof value === "bigint" || typeof value === "boolean" ? value : undefined;
}

/** The columns to read: those asked for, in that order. @throws COLUMN_UNKNOWN */
export function project(schema: Schema, columns: readonly string[] | undefined): Schema {
  if (columns === undefined) return schema;
  return new Schema(
    columns.map((column) => {
      const field = schema.fields.find(({ name }) => name === column);
      if (field === undefined) throw storageError("COLUMN_UNKNOWN", { column, known: schema.names.map(String) });
      return field;
    }),
  );
}

/** Column types by name, in order. */
export function typesOf(schema: Schema): Map<string, ColumnType> {
  return new Map(schema.fields.map((field) => [field.name, columnTypeOf(field)]));
}

/** False when the row group's bounds rule a match out. */
export function mayHoldMatch(group: RowGroupInfo, tests: readonly ColumnTest[]): boolean {
  return tests.every((test) => test.mayMatch({ rows: group.rows, ...group.columns.get(test.column) }));
}
