import type { RecordBatch } from "apache-arrow";
import { featureStoreError } from "../errors.ts";
import type { TableSource } from "../source/table-source.ts";
import { readColumn } from "./arrow-columns.ts";
import type { ColumnData } from "./column-data.ts";
import { identifier, type Kind, literal, storedName, storedAs } from "./duckdb-columns.ts";
import { countRows, type DuckdbConnection, forEachChunk, numberOf } from "./duckdb-library.ts";
import type { EngineOptions } from "./port.ts";

/** The columns of a source in a DuckDB table, numbered in order of ingestion by `"#"` from 0. */
export interface DuckdbTable {
  readonly name: string;
  readonly rows: number;
  readonly kinds: ReadonlyMap<string, Kind>;
}

/**
 * All columns of a source's Parquet files in a temporary table; undefined where it has none that DuckDB reads as they are, or a
 * time that no column may hold: beside the labels it does no harm.
 */
export async function loadFiles(
  connection: DuckdbConnection,
  name: string,
  source: TableSource,
  { signal }: EngineOptions,
): Promise<DuckdbTable | undefined> {
  const relation = await filesRelation(connection, source, undefined);
  signal?.throwIfAborted();
  if (relation === undefined) return undefined;
  const { from, number, kinds, values } = relation;
  const columns = [...values].map(([column, value]) => `${value} AS ${storedName(column)}`);
  await connection.run(
    `CREATE TEMP TABLE ${name} AS SELECT ${[`${number} AS "#"`, ...columns].join(", ")} FROM ${from} AS raw`,
  );
  if ((await timeBeyond(connection, name, kinds)) !== undefined) {
    await connection.run(`DROP TABLE ${name}`);
    return undefined;
  }
  return { name, rows: await countRows(connection, name), kinds };
}

/** Columns as DuckDB finds them, of a relation that is named `raw`. */
export interface RawRelation {
  readonly from: string;
  /** The number of each row. */
  readonly number: string;
  readonly rows: number;
  readonly kinds: ReadonlyMap<string, Kind>;
  /** How each column is stored. */
  readonly values: ReadonlyMap<string, string>;
}

/** Columns of a source: of Parquet files as they lie, else of a table `name` that is made of its batches. @throws COLUMN_MISSING, COLUMN_TYPE_MISMATCH */
export async function rawRelation(
  connection: DuckdbConnection,
  name: string,
  source: TableSource,
  columns: readonly string[],
  { signal }: EngineOptions,
): Promise<RawRelation> {
  const relation = await filesRelation(connection, source, columns);
  signal?.throwIfAborted();
  if (relation !== undefined) return relation;
  const batches: RecordBatch[] = [];
  for await (const batch of source.scan({ columns, ...(signal === undefined ? {} : { signal }) })) {
    signal?.throwIfAborted();
    batches.push(batch);
  }
  const read = new Map(columns.map((column) => [column, readColumn(batches, column, source.name)]));
  const { kinds, rows } = await appendColumns(connection, name, read);
  const values = new Map(columns.map((column) => [column, `raw.${storedName(column)}`]));
  return { from: name, number: `raw."#"`, rows, kinds, values };
}

const list = (files: readonly string[]): string => `[${files.map(literal).join()}]`;
/** Without the columns that DuckDB would guess from the names of folders, and their types from the look of the values. */
const parquet = (files: readonly string[]): string => `read_parquet(${list(files)}, hive_partitioning = false)`;
/** Whether folders tell values that are not in the files: `month=2001-06/`. */
const havePartitions = (files: readonly string[]): boolean => files.some((file) => /=[^/\\]*[/\\]/.test(file));

/**
 * Columns of a source's Parquet files. Undefined where it has no files, or they lack a column (or may lack one, where all are
 * wanted), are not alike, or have a type that is read batch by batch, as `arrow()` reads it: then what is
 * right and what is an error is the same for both.
 */
async function filesRelation(
  connection: DuckdbConnection,
  source: TableSource,
  wantedColumns: readonly string[] | undefined,
): Promise<RawRelation | undefined> {
  const files = await source.localFiles?.();
  if (files === undefined || files.length === 0) return undefined;
  if (wantedColumns === undefined && havePartitions(files)) return undefined;
  if (!(await areAlike(connection, files, wantedColumns))) return undefined;
  const types = await describeFiles(connection, files);
  const kinds = new Map<string, Kind>();
  const values = new Map<string, string>();
  for (const column of wantedColumns ?? types.keys()) {
    const kind = kindOf(types.get(column) ?? "");
    if (kind === undefined) return undefined;
    kinds.set(column, kind);
    const given = `raw.${identifier(column)}`;
    const value = kind.endsWith("time") ? microsOf(given, types.get(column)) : given;
    values.set(column, `CAST(${value} AS ${storedAs[kind]})`);
  }
  const counts: number[] = [];
  await forEachChunk(connection, `SELECT num_rows FROM parquet_file_metadata(${list(files)})`, (chunk) => {
    for (let row = 0; row < chunk.rowCount; row++) counts.push(Number(chunk.getColumnVector(0).getItem(row)));
  });
  const rows = counts.reduce((sum, count) => sum + count, 0);
  return { from: parquet(files), number: rowNumber(counts, types), rows, kinds, values };
}

/**
 * DuckDB has no timestamp for a date that is far away, and takes the least and the greatest time for infinities, of which it gives
 * no microseconds: they become one that is refused.
 */
function microsOf(value: string, type: string | undefined): string {
  const days = `(${value} - DATE '1970-01-01')`;
  return type === "DATE"
    ? `CASE WHEN abs(${days}) > 106000 THEN 9223372036854775807 ELSE ${days} * 86400000000 END`
    : `CASE WHEN isinf(${value}) THEN 9223372036854775807 ELSE epoch_us(${value}) END`;
}

/**
 * Whether the files are of one kind: DuckDB reads all by the columns and types of the first. Nor may two names differ by letter case
 * only, of which it would call one otherwise, or take one for the other.
 *
 * @param columns those that it matters for; undefined for all
 */
async function areAlike(
  connection: DuckdbConnection,
  files: readonly string[],
  columns: readonly string[] | undefined,
): Promise<boolean> {
  const wanted = columns === undefined ? "" : `AND name IN (${["", ...columns].map(literal).join()})`;
  const kind = "name, type, type_length, converted_type, scale, precision, logical_type::VARCHAR";
  const problems = `WITH parts AS MATERIALIZED (FROM parquet_schema(${list(files)})),
    twins AS (SELECT lower(name) FROM parts GROUP BY ALL HAVING count(DISTINCT name) > 1),
    others AS (SELECT ${kind} FROM parts WHERE coalesce(num_children, 0) = 0 ${wanted}
      GROUP BY ALL HAVING count(DISTINCT file_name) < ${new Set(files).size})
    SELECT (SELECT count(*) FROM twins) + (SELECT count(*) FROM others)`;
  return (await numberOf(connection, problems)) === 0;
}

/** The columns of Parquet files and their types in DuckDB. */
async function describeFiles(
  connection: DuckdbConnection,
  files: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const types = new Map<string, string>();
  await forEachChunk(connection, `SELECT column_name, column_type FROM (DESCRIBE FROM ${parquet(files)})`, (chunk) => {
    for (let row = 0; row < chunk.rowCount; row++) {
      types.set(String(chunk.getColumnVector(0).getItem(row)), String(chunk.getColumnVector(1).getItem(row)));
    }
  });
  return types;
}

/** The number of a row among those of all files: of its own file and the rows of those before, which all threads know. */
function rowNumber(counts: readonly number[], types: ReadonlyMap<string, string>): string {
  if ([...types.keys()].some((name) => /^file_(row_number|index)$/i.test(name))) return "row_number() OVER () - 1";
  if (counts.length === 1) return "raw.file_row_number";
  let before = 0;
  const starts = counts.map((rows) => (before += rows) - rows);
  return `([${starts.join()}]::BIGINT[])[raw.file_index::BIGINT + 1] + raw.file_row_number`;
}

function kindOf(type: string): Kind | undefined {
  if (/^U?(TINY|SMALL)INT$|^U?INTEGER$|^BIGINT$/.test(type)) return "integer";
  if (type === "DOUBLE" || type === "FLOAT") return "float";
  if (type === "BOOLEAN") return "boolean";
  if (type === "VARCHAR" || type.startsWith("ENUM")) return "string";
  if (type === "TIMESTAMP WITH TIME ZONE") return "time";
  return type === "TIMESTAMP" || type === "TIMESTAMP_S" || type === "TIMESTAMP_MS" || type === "DATE"
    ? "naive time"
    : undefined;
}

/** @throws TIMESTAMP_INVALID */
export async function assertTimes(
  connection: DuckdbConnection,
  name: string,
  kinds: ReadonlyMap<string, Kind>,
  table: string,
): Promise<void> {
  const found = await timeBeyond(connection, name, kinds);
  const rule = "it lies outside the years 1684 to 2255";
  if (found !== undefined) throw featureStoreError("TIMESTAMP_INVALID", { ...found, table, rule });
}

/** The first time of a column that a double would not hold. */
async function timeBeyond(
  connection: DuckdbConnection,
  name: string,
  kinds: ReadonlyMap<string, Kind>,
): Promise<{ readonly column: string; readonly row: number } | undefined> {
  for (const [column, kind] of kinds) {
    if (!kind.endsWith("time")) continue;
    const beyond = `abs(${storedName(column)}::DOUBLE) >= 9007199254740992`;
    const row = await numberOf(connection, `SELECT min("#") FROM ${name} WHERE ${beyond}`);
    if (row !== null) return { column, row };
  }
  return undefined;
}

/** Makes a table of columns that are in memory. */
export async function appendColumns(
  connection: DuckdbConnection,
  name: string,
  columns: ReadonlyMap<string, ColumnData>,
): Promise<DuckdbTable> {
  const kinds = new Map([...columns].map(([column, data]) => [column, dataKind(column, data)] as const));
  const declared = [...kinds].map(([column, kind]) => `, ${storedName(column)} ${storedAs[kind]}`);
  await connection.run(`CREATE TEMP TABLE ${name} ("#" BIGINT${declared.join("")})`);
  return { name, rows: await appendRows(connection, name, [...columns.values()], 0), kinds };
}

/** Appends rows that are numbered from `first`; gives the number after them. */
export async function appendRows(
  connection: DuckdbConnection,
  name: string,
  columns: readonly ColumnData[],
  first: number,
): Promise<number> {
  const appender = await connection.createAppender(name);
  const rows = columns[0]?.values.length ?? 0;
  for (let row = 0; row < rows; row++) {
    appender.appendBigInt(BigInt(first + row));
    for (const column of columns) {
      if (column.valid?.[row] === 0) appender.appendNull();
      else if (column.kind === "string")
        appender.appendVarchar(column.dictionary[column.values[row] as number] as string);
      else if (column.kind === "number" && !column.integer) appender.appendDouble(column.values[row] as number);
      else appender.appendBigInt(BigInt(column.values[row] as number | bigint));
    }
    appender.endRow();
  }
  appender.flushSync();
  appender.closeSync();
  return first + rows;
}

export function dataKind(column: string, data: ColumnData): Kind {
  if (data.kind === "vector") {
    const wanted = "one value a row, for a key, a time or a window";
    throw featureStoreError("COLUMN_TYPE_MISMATCH", { column, table: "the source", found: "vectors", wanted });
  }
  if (data.kind === "time") return data.naive ? "naive time" : "time";
  if (data.kind === "number") return data.integer ? "integer" : "float";
  return data.kind === "bigint" ? "integer" : data.kind;
}
