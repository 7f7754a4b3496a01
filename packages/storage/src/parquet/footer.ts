import type { Schema } from "apache-arrow";
import { type FileMetaData, parquetMetadataAsync, type SchemaElement } from "hyparquet";
import { storageError } from "../errors.ts";
import { arrowSchema, columnTypeOf, type ColumnType, type Scalar } from "./column-type.ts";
import type { ColumnBounds, RowGroupInfo } from "./port.ts";
import type { ColumnTest } from "./predicate.ts";
import type { ParquetSource } from "./source.ts";

/** The end of a Parquet file: its schema, and what it says of its row groups. */
export interface Footer {
  readonly schema: Schema;
  readonly rows: number;
  readonly rowGroups: readonly RowGroupInfo[];
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
  dateFromDays: (days: number): number => days,
};

/** Reads the footer. @throws PARQUET_CORRUPT, TYPE_UNSUPPORTED */
export async function readFooter(source: ParquetSource): Promise<Footer> {
  const metadata = await parse(source);
  const leaves = flatColumns(metadata, source);
  const types = new Map(leaves.map((element) => [element.name, columnType(element)]));
  const chunks = metadata.row_groups.flatMap((group) => group.columns);
  return {
    schema: arrowSchema(types),
    rows: Number(metadata.num_rows),
    rowGroups: metadata.row_groups.map((group) => ({ rows: Number(group.num_rows), columns: boundsOf(group, types) })),
    compressions: new Set(chunks.map((chunk) => chunk.meta_data?.codec ?? "UNCOMPRESSED")),
    metadata,
  };
}

async function parse(source: ParquetSource): Promise<FileMetaData> {
  try {
    return await parquetMetadataAsync(asyncBuffer(source), { parsers });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw storageError("PARQUET_CORRUPT", { file: source.name, reason }, { cause });
  }
}

function flatColumns(metadata: FileMetaData, source: ParquetSource): SchemaElement[] {
  const [root, ...columns] = metadata.schema;
  if (root === undefined) throw storageError("PARQUET_CORRUPT", { file: source.name, reason: "it has no schema" });
  const nested = columns.find((element) => element.type === undefined || element.repetition_type === "REPEATED");
  if (nested !== undefined) throw refused(nested, "nested", "Flatten it before it is written.");
  return columns;
}

function refused(element: SchemaElement, type: string, remedy: string): Error {
  return storageError("TYPE_UNSUPPORTED", { column: element.name, type, by: "the column types of storage", remedy });
}

function columnType(element: SchemaElement): ColumnType {
  const { type, converted_type: converted, logical_type: logical } = element;
  if (type === "BOOLEAN") return "boolean";
  if (type === "FLOAT") return "float";
  if (type === "DOUBLE") return "double";
  if (converted === "UTF8" || converted === "ENUM" || converted === "JSON" || logical?.type === "STRING")
    return "string";
  if (type === "BYTE_ARRAY" && converted === undefined && logical === undefined) return "binary";
  if (type === "INT32" || type === "INT64") {
    const known = integerType(element);
    if (known !== undefined) return known;
  }
  const named = logical?.type ?? converted ?? type ?? "unknown";
  throw refused(element, named, "Write the file with another type, or read it with another tool.");
}

function integerType({
  type,
  converted_type: converted,
  logical_type: logical,
}: SchemaElement): ColumnType | undefined {
  if (logical?.type === "TIMESTAMP") {
    return logical.unit === "NANOS" ? undefined : logical.isAdjustedToUTC ? "timestamp" : "timestamp_ntz";
  }
  switch (converted) {
    case "DATE":
      return "date";
    case "TIMESTAMP_MILLIS":
    case "TIMESTAMP_MICROS":
      return "timestamp";
    case "INT_8":
      return "byte";
    case "INT_16":
      return "short";
    case "INT_32":
    case "INT_64":
    case undefined:
      if (logical?.type === "INTEGER" && !logical.isSigned) return undefined;
      if (logical !== undefined && logical.type !== "INTEGER") return undefined;
      return type === "INT32" ? "integer" : "long";
    default:
      return undefined;
  }
}

function boundsOf(
  group: FileMetaData["row_groups"][number],
  types: ReadonlyMap<string, ColumnType>,
): Map<string, ColumnBounds> {
  return new Map(
    group.columns.flatMap(({ meta_data: meta }) => {
      const name = meta?.path_in_schema[0];
      const statistics = meta?.statistics;
      if (name === undefined || statistics === undefined) return [];
      const min = bound(types.get(name), statistics.min_value);
      const max = bound(types.get(name), statistics.max_value);
      const both = min === undefined || max === undefined ? {} : { min, max };
      const nulls = statistics.null_count === undefined ? {} : { nulls: Number(statistics.null_count) };
      return [[name, { ...both, ...nulls }] as const];
    }),
  );
}

/** A bound that can be trusted: no NaN, and no string that was cut within a character. */
function bound(type: ColumnType | undefined, value: unknown): Scalar | undefined {
  if (typeof value === "number") return Number.isNaN(value) ? undefined : value;
  if (typeof value === "string") return type === "string" && !value.includes("\ufffd") ? value : undefined;
  return typeof value === "bigint" || typeof value === "boolean" ? value : undefined;
}

/** The columns to read: those asked for, in that order. @throws COLUMN_UNKNOWN */
export function project(schema: Schema, columns: readonly string[] | undefined): Schema {
  const types = typesOf(schema);
  if (columns === undefined) return schema;
  return arrowSchema(
    columns.map((column) => {
      const type = types.get(column);
      if (type === undefined) throw storageError("COLUMN_UNKNOWN", { column, known: [...types.keys()] });
      return [column, type] as const;
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
