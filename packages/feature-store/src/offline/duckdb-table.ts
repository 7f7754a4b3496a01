import type { RecordBatch } from "apache-arrow";
import { featureStoreError } from "../errors.ts";
import type { TableSource } from "../source/table-source.ts";
import { readColumn } from "./arrow-columns.ts";
import { type ColumnData, fromInt64 } from "./column-data.ts";
import { chunkItems, type DuckdbChunk, type DuckdbConnection } from "./duckdb-library.ts";
import type { EngineOptions } from "./port.ts";
import { StringCodes } from "./string-codes.ts";

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

  kindOf(column: string): Kind {
    return this.kinds.get(column) as Kind;
  }

  /** Two expressions, the value of a column and whether there is one, as {@link RowCollector} takes them. */
  selected(column: string, name: string): string {
    const kind = this.kindOf(column);
    if (kind === "string") return `coalesce(${name}, ''), (${name} IS NOT NULL)::UTINYINT`;
    return `coalesce(${name}, 0)::${kind === "float" ? "DOUBLE" : "BIGINT"}, (${name} IS NOT NULL)::UTINYINT`;
  }

  /** A column of `from`, a relation of `rows` rows that has it, each at the place that `number` gives. */
  async read(
    column: string,
    from: string = this.name,
    number: string = `"#"`,
    rows: number = this.rows,
  ): Promise<ColumnData> {
    const kind = this.kindOf(column);
    const name = identifier(column);
    if (kind === "string") return this.#readStrings(name, from, number, rows);
    const collector = new RowCollector(kind, rows);
    const sql = `SELECT ${number}::INTEGER, ${this.selected(column, name)} FROM ${from}`;
    await forEachChunk(this.#connection, sql, (chunk) => collector.take(chunk, 1, chunkItems<Int32Array>(chunk, 0)));
    return collector.data();
  }

  async #readStrings(name: string, from: string, number: string, rows: number): Promise<ColumnData> {
    const distinct = `SELECT ${name} AS text, row_number() OVER () - 1 AS code FROM (SELECT DISTINCT ${name} FROM ${from} WHERE ${name} IS NOT NULL)`;
    await this.#connection.run(`CREATE OR REPLACE TEMP TABLE words AS ${distinct}`);
    const dictionary: string[] = [];
    await forEachChunk(this.#connection, "SELECT text, code::INTEGER FROM words", (chunk) => {
      const vector = chunk.getColumnVector(0);
      const codes = chunkItems<Int32Array>(chunk, 1);
      for (let row = 0; row < chunk.rowCount; row++) dictionary[codes[row] as number] = vector.getItem(row) as string;
    });
    const values = new Int32Array(rows);
    const valid = new Uint8Array(rows);
    // Rows without a string match no word.
    const sql = `SELECT ${number}::INTEGER, code::INTEGER FROM ${from} AS f JOIN words ON f.${name} = text`;
    await forEachChunk(this.#connection, sql, (chunk) => {
      const places = chunkItems<Int32Array>(chunk, 0);
      const codes = chunkItems<Int32Array>(chunk, 1);
      for (let i = 0; i < chunk.rowCount; i++) {
        values[places[i] as number] = codes[i] as number;
        valid[places[i] as number] = 1;
      }
    });
    return { kind: "string", values, dictionary, ...(valid.includes(0) ? { valid } : {}) };
  }
}

/** Puts the values of a column together from chunks whose rows come in any order. */
export class RowCollector {
  readonly #kind: Kind;
  readonly #values: Float64Array | BigInt64Array | Int32Array;
  readonly #valid: Uint8Array;
  readonly #strings = new StringCodes();

  constructor(kind: Kind, rows: number) {
    this.#kind = kind;
    if (kind === "string") this.#values = new Int32Array(rows);
    else this.#values = kind === "float" ? new Float64Array(rows) : new BigInt64Array(rows);
    this.#valid = new Uint8Array(rows);
  }

  /** @param places where each row goes; its value is at `column` of the chunk, and whether there is one at the next */
  take(chunk: DuckdbChunk, column: number, places: Int32Array): void {
    const present = chunkItems<Uint8Array>(chunk, column + 1);
    const valid = this.#valid;
    for (let i = 0; i < chunk.rowCount; i++) valid[places[i] as number] = present[i] as number;
    if (this.#kind === "string") {
      const vector = chunk.getColumnVector(column);
      for (let i = 0; i < chunk.rowCount; i++) {
        if (present[i] === 1) this.#values[places[i] as number] = this.#strings.code(vector.getItem(i) as string);
      }
      return;
    }
    if (this.#values instanceof BigInt64Array) scatter(this.#values, chunkItems<BigInt64Array>(chunk, column), places);
    else scatter(this.#values as Float64Array, chunkItems<Float64Array>(chunk, column), places);
  }

  data(): ColumnData {
    const nulls = this.#valid.includes(0) ? { valid: this.#valid } : {};
    const kind = this.#kind;
    const values = this.#values;
    if (values instanceof Int32Array) return { kind: "string", values, dictionary: this.#strings.dictionary, ...nulls };
    if (values instanceof Float64Array) return { kind: "number", values, integer: false, ...nulls };
    const integers = fromInt64(values, nulls.valid);
    if (kind === "integer") return integers;
    if (kind === "boolean") return { kind, values: Uint8Array.from(integers.values as Float64Array), ...nulls };
    return { kind: "time", values: integers.values as Float64Array, naive: kind === "naive time", ...nulls };
  }
}

function scatter<Numbers extends Float64Array | BigInt64Array>(into: Numbers, from: Numbers, places: Int32Array): void {
  // Most often the rows come in their order: then each chunk is one piece.
  const first = places[0] as number;
  let inOrder = true;
  for (let i = 1; i < places.length && inOrder; i++) inOrder = places[i] === first + i;
  if (inOrder) into.set(from as never, first);
  else for (let i = 0; i < places.length; i++) into[places[i] as number] = from[i] as never;
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
  const kinds = new Map([...columns].map(([column, data]) => [column, dataKind(column, data)] as const));
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

function dataKind(column: string, data: ColumnData): Kind {
  if (data.kind === "vector") {
    const wanted = "one value a row, for a key, a time or a window";
    throw featureStoreError("COLUMN_TYPE_MISMATCH", { column, table: "the source", found: "vectors", wanted });
  }
  if (data.kind === "time") return data.naive ? "naive time" : "time";
  if (data.kind === "number") return data.integer ? "integer" : "float";
  return data.kind === "bigint" ? "integer" : data.kind;
}
