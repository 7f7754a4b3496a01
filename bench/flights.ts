import { DuckDBInstance, type DuckDBConnection } from "@duckdb/node-api";
import { fileURLToPath } from "node:url";

/** Three million US flights of 2001: date, delay, distance, origin, destination. */
const published = fileURLToPath(new URL("../data/flights-3m.parquet", import.meta.resolve("vega-datasets")));

/** DuckDB as it comes, with the rows of a query as its callers get them. */
export interface BareDuckDb extends Disposable {
  run(sql: string): Promise<void>;
  /** Brings every row to JavaScript and adds up the first column; gives the sum and the number of rows. */
  sum(sql: string): Promise<{ readonly sum: number; readonly rows: number }>;
}

export async function bareDuckDb(): Promise<BareDuckDb> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection: DuckDBConnection = await instance.connect();
  return {
    async run(sql) {
      await connection.run(sql);
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
