import { DuckDBDataChunk, DuckDBInstance, type DuckDBConnection } from "@duckdb/node-api";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Three million US flights of 2001: date, delay, distance, origin, destination. */
const published = fileURLToPath(new URL("../data/flights-3m.parquet", import.meta.resolve("vega-datasets")));

/** DuckDB as it comes, with the rows of a query as its callers get them. */
export interface BareDuckDb extends Disposable {
  run(sql: string): Promise<void>;
  /** Brings the rows of a query to JavaScript chunk by chunk, and appends them to a new table from there. */
  intake(sql: string, table: string): Promise<void>;
  /** Brings every value of every row to JavaScript; gives the number of rows. */
  values(sql: string): Promise<number>;
  /** Brings every row to JavaScript and adds up the first column; gives the sum and the number of rows. */
  sum(sql: string): Promise<{ readonly sum: number; readonly rows: number }>;
}

export async function bareDuckDb(): Promise<BareDuckDb> {
  // Else it would spill into the folder it is run from.
  const instance = await DuckDBInstance.create(":memory:", { temp_directory: join(tmpdir(), "ashlar-bare-duckdb") });
  const connection: DuckDBConnection = await instance.connect();
  // Any other use of a connection ends the stream it gives.
  const streaming: DuckDBConnection = await instance.connect();
  return {
    async run(sql) {
      await connection.run(sql);
    },
    async intake(sql, table) {
      await connection.run(`CREATE OR REPLACE TABLE ${table} AS FROM (${sql}) LIMIT 0`);
      const appender = await connection.createAppender(table);
      const result = await streaming.stream(sql);
      for (;;) {
        const chunk = await result.fetchChunk();
        if (chunk === null || chunk.rowCount === 0) break;
        const taken = DuckDBDataChunk.create(result.columnTypes(), chunk.rowCount);
        taken.setColumns(chunk.getColumns());
        appender.appendDataChunk(taken);
      }
      appender.closeSync();
    },
    async values(sql) {
      const result = await connection.stream(sql);
      let rows = 0;
      for (;;) {
        const chunk = await result.fetchChunk();
        if (chunk === null || chunk.rowCount === 0) return rows;
        chunk.getColumns();
        rows += chunk.rowCount;
      }
    },
    async sum(sql) {
      const result = await connection.stream(sql);
      let sum = 0;
      let rows = 0;
      for (;;) {
        const chunk = await result.fetchChunk();
        if (chunk === null || chunk.rowCount === 0) return { sum, rows };
        for (const value of chunk.getColumnValues(0)) sum += Number(value);
        rows += chunk.rowCount;
      }
    },
    [Symbol.dispose]() {
      streaming.closeSync();
      connection.closeSync();
      instance.closeSync();
    },
  };
}

/** Writes the first `rows` flights, with `month` and with `landed_at`, when their delay was known, to a Parquet file. */
export async function writeFlights(path: string, rows: number): Promise<void> {
  using duckdb = await bareDuckDb();
  await duckdb.run(`
    COPY (
      SELECT *, strftime(date, '%Y-%m') AS month, date + to_minutes((delay + 30 + distance // 7)::BIGINT) AS landed_at
      FROM '${published}' LIMIT ${rows}
    ) TO '${path}' (FORMAT parquet, COMPRESSION zstd)`);
}

/** Writes as many flights as are asked for: those of 2001, and again a year later each time they run out. */
export async function writeYears(path: string, rows: number): Promise<void> {
  using duckdb = await bareDuckDb();
  await duckdb.run(`SET memory_limit = '1GB'; COPY (
    SELECT origin, delay, distance, date + to_years(copy::INTEGER) AS date,
      date + to_years(copy::INTEGER) + to_minutes((delay + 30 + distance // 7)::BIGINT) AS landed_at
    FROM (FROM '${published}' LIMIT ${Math.min(rows, 3_000_000)}), range(${Math.ceil(rows / 3_000_000)}) AS copies(copy)
    LIMIT ${rows}) TO '${path}' (FORMAT parquet, COMPRESSION zstd)`);
}
