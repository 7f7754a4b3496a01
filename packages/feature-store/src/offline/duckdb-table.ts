import type { RecordBatch } from "apache-arrow";
import { featureStoreError } from "../errors.ts";
import type { TableSource } from "../source/table-source.ts";
import { readColumn } from "./arrow-columns.ts";
import { type ColumnData, fromInt64 } from "./column-data.ts";
import { chunkItems, type DuckdbChunk, type DuckdbConnection } from "./duckdb-library.ts";
import type { EngineOptions } from "./port.ts";

type Kind = "integer" | "float" | "boolean" | "string" | "time" | "naive time";

const storedAs: Readonly<Record<Kind, string>> = {
  integer: "BIGINT",
  float: "DOUBLE",
  boolean: "BIGINT",
  string: "VARCHAR",
  time: "BIGINT",
  "naive time": "BIGINT",
};

export const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;
const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** The columns of a source in a DuckDB table, numbered in order of ingestion by `"#"`; times are epoch microseconds. */
export class DuckdbTable {
  readonly name: string;
  readonly rows: number;
  readonly kinds: ReadonlyMap<string, Kind>;
  readonly #connection: DuckdbConnection;

  constructor(connection: DuckdbConnection, name: string, rows: number, kinds: ReadonlyMap<string, Kind>) {
    this.#connection = connection;
    this.name = name;
    this.rows = rows;
    this.kinds = kinds;
  }

  /** A column as it comes from `from`, a relation of `rows` rows that has it, in the order `orderBy`. */
  async read(
    column: string,
    from: string = this.name,
    orderBy: string = `"#"`,
    rows: number = this.rows,
  ): Promise<ColumnData> {
    const kind = this.kinds.get(column) as Kind;
    const name = identifier(column);
    if (kind === "string") return this.#readStrings(name, from, orderBy, rows);
    const type = kind === "float" ? "DOUBLE" : "BIGINT";
    const sql = `SELECT coalesce(${name}, 0)::${type}, (${name} IS NOT NULL)::UTINYINT FROM ${from} ORDER BY ${orderBy}`;
    const valid = new Uint8Array(rows);
    const values = kind === "float" ? new Float64Array(rows) : new BigInt64Array(rows);
    await forEachChunk(this.#connection, sql, (chunk, at) => {
      values.set(chunkItems<never>(chunk, 0), at);
      valid.set(chunkItems<Uint8Array>(chunk, 1), at);
    });
    const nulls = valid.includes(0) ? { valid } : {};
    if (kind === "float") return { kind: "number", values: values as Float64Array, integer: false, ...nulls };
    const integers = fromInt64(values as BigInt64Array, nulls.valid);
    if (kind === "integer") return integers;
    if (kind === "boolean") return { kind, values: Uint8Array.from(integers.values as Float64Array), ...nulls };
    return { kind: "time", values: integers.values as Float64Array, naive: kind === "naive time", ...nulls };
  }

  async #readStrings(name: string, from: string, orderBy: string, rows: number): Promise<ColumnData> {
    const distinct = `SELECT ${name} AS text, row_number() OVER () - 1 AS code FROM (SELECT DISTINCT ${name} FROM ${from} WHERE ${name} IS NOT NULL)`;
    await this.#connection.run(`CREATE OR REPLACE TEMP TABLE words AS ${distinct}`);
    const dictionary: string[] = [];
    await forEachChunk(this.#connection, "SELECT text FROM words ORDER BY code", (chunk) => {
      const vector = chunk.getColumnVector(0);
      for (let row = 0; row < chunk.rowCount; row++) dictionary.push(vector.getItem(row) as string);
    });
    const values = new Int32Array(rows);
    const sql = `SELECT coalesce(code, -1)::INTEGER FROM ${from} AS f LEFT JOIN words ON f.${name} = text ORDER BY ${orderBy}`;
    await forEachChunk(this.#connection, sql, (chunk, at) => values.set(chunkItems<Int32Array>(chunk, 0), at));
    if (!values.includes(-1)) return { kind: "string", values, dictionary };
    const valid = Uint8Array.from(values, (code) => (code < 0 ? 0 : 1));
    return { kind: "string", values: values.map((code) => Math.max(code, 0)), dictionary, valid };
  }
}

/** Gives each chunk of a result with the number of its first row. */
export async function forEachChunk(
  connection: DuckdbConnection,
  sql: string,
  visit: (chunk: DuckdbChunk, at: number) => void,
): Promise<void> {
  const result = await connection.stream(sql);
  let at = 0;
  for (let chunk = await result.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
    visit(chunk, at);
    at += chunk.rowCount;
  }
}

/** Loads columns of a source: Parquet files by DuckDB itself, else record batches row by row. @throws COLUMN_MISSING */
export async function loadTable(
  connection: DuckdbConnection,
  name: string,
  source: TableSource,
  columns: readonly string[],
  { signal }: EngineOptions,
): Promise<DuckdbTable> {
  const files = await source.localFiles?.();
  signal?.throwIfAborted();
  if (files !== undefined && files.length > 0) return loadFiles(connection, name, source, files, columns);
  const batches: RecordBatch[] = [];
  for await (const batch of source.scan({ columns, ...(signal === undefined ? {} : { signal }) })) {
    signal?.throwIfAborted();
    batches.push(batch);
  }
  return appendColumns(
    connection,
    name,
    new Map(columns.map((column) => [column, readColumn(batches, column, source.name)])),
  );
}

/** The columns of Parquet files and their types in DuckDB. */
export async function describeFiles(
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

const parquet = (files: readonly string[]): string => `read_parquet([${files.map(literal).join()}])`;

async function loadFiles(
  connection: DuckdbConnection,
  name: string,
  source: TableSource,
  files: readonly string[],
  columns: readonly string[],
): Promise<DuckdbTable> {
  const types = await describeFiles(connection, files);
  const kinds = new Map<string, Kind>();
  const selected = columns.map((column) => {
    const type = types.get(column);
    if (type === undefined)
      throw featureStoreError("COLUMN_MISSING", { column, table: source.name, columns: [...types.keys()] });
    const kind = kindOf(type);
    if (kind === undefined) {
      const wanted = "an integer, float, boolean, string or timestamp column";
      throw featureStoreError("COLUMN_TYPE_MISMATCH", { column, table: source.name, found: type, wanted });
    }
    kinds.set(column, kind);
    const value = kind.endsWith("time") ? `epoch_us(${identifier(column)})` : identifier(column);
    return `CAST(${value} AS ${storedAs[kind]}) AS ${identifier(column)}`;
  });
  const sql = `SELECT ${[`row_number() OVER () - 1 AS "#"`, ...selected].join(", ")} FROM ${parquet(files)}`;
  await connection.run(`CREATE TEMP TABLE ${name} AS ${sql}`);
  for (const [column, kind] of kinds)
    if (kind.endsWith("time")) await assertTimes(connection, name, column, source.name);
  return new DuckdbTable(connection, name, await countRows(connection, name), kinds);
}

function kindOf(type: string): Kind | undefined {
  if (/^U?(TINY|SMALL|BIG)INT$|^U?INTEGER$/.test(type)) return "integer";
  if (type === "DOUBLE" || type === "FLOAT") return "float";
  if (type === "BOOLEAN") return "boolean";
  if (type === "VARCHAR" || type.startsWith("ENUM")) return "string";
  if (type === "TIMESTAMP WITH TIME ZONE") return "time";
  return type === "TIMESTAMP" || type === "TIMESTAMP_S" || type === "TIMESTAMP_MS" || type === "DATE"
    ? "naive time"
    : undefined;
}

async function assertTimes(connection: DuckdbConnection, name: string, column: string, table: string): Promise<void> {
  const sql = `SELECT min("#")::INTEGER FROM ${name} WHERE abs(${identifier(column)}::DOUBLE) >= 9007199254740992`;
  let row: unknown = null;
  await forEachChunk(connection, sql, (chunk) => {
    row = chunk.getColumnVector(0).getItem(0);
  });
  if (row === null) return;
  const rule = "it lies outside the years 1684 to 2255";
  throw featureStoreError("TIMESTAMP_INVALID", { column, table, row: Number(row), rule });
}

export async function countRows(connection: DuckdbConnection, from: string): Promise<number> {
  let rows = 0;
  await forEachChunk(connection, `SELECT count(*)::INTEGER FROM ${from}`, (chunk) => {
    rows = Number(chunk.getColumnVector(0).getItem(0));
  });
  return rows;
}

/** Makes a table of columns that are in memory. */
export async function appendColumns(
  connection: DuckdbConnection,
  name: string,
  columns: ReadonlyMap<string, ColumnData>,
): Promise<DuckdbTable> {
  const kinds = new Map([...columns].map(([column, data]) => [column, dataKind(data)] as const));
  const declared = [...kinds].map(([column, kind]) => `, ${identifier(column)} ${storedAs[kind]}`);
  await connection.run(`CREATE TEMP TABLE ${name} ("#" BIGINT${declared.join("")})`);
  const appender = await connection.createAppender(name);
  const data = [...columns.values()];
  const rows = data[0]?.values.length ?? 0;
  for (let row = 0; row < rows; row++) {
    appender.appendBigInt(BigInt(row));
    for (const column of data) {
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
  return new DuckdbTable(connection, name, rows, kinds);
}

function dataKind(data: ColumnData): Kind {
  if (data.kind === "time") return data.naive ? "naive time" : "time";
  if (data.kind === "number") return data.integer ? "integer" : "float";
  return data.kind === "bigint" ? "integer" : data.kind;
}
