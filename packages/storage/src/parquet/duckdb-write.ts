import { createReadStream } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { RecordBatch, Schema } from "apache-arrow";
import type { ColumnType } from "./column-type.ts";
import { type Column, columnsOf } from "./column.ts";
import type { DuckDbSession } from "./duckdb.ts";
import { type DuckDbAppender, type DuckDbConnection, type DuckDbVector, sqlName, sqlText } from "./duckdb-library.ts";
import { itemsOf, libraryType, sqlTypes } from "./duckdb-types.ts";
import { typesOf } from "./footer.ts";
import type { Compression, ParquetOutput, ParquetWriter } from "./port.ts";

/** The rows of a vector: what a data chunk holds at most. */
const vectorRows = 2048;

/** Gathers rows in a table of the session, then copies them to a Parquet file. */
export async function createWithDuckDb(
  session: DuckDbSession,
  schema: Schema,
  compression: Compression,
): Promise<ParquetWriter> {
  const types = [...typesOf(schema)];
  const connection = await session.connect();
  const table = session.tableName();
  // The table's columns are numbered: names of any kind meet SQL only in the file.
  await connection.run(`CREATE TABLE ${table} (${types.map(([, type], i) => `c${i} ${sqlTypes[type]}`).join(", ")})`);
  const appender = await connection.createAppender(table);
  const folder = await mkdtemp(join(tmpdir(), "ashlar-parquet-"));
  return new DuckDbWriter({ session, connection, appender, table, folder, types, compression });
}

interface Parts {
  readonly session: DuckDbSession;
  readonly connection: DuckDbConnection;
  readonly appender: DuckDbAppender;
  readonly table: string;
  readonly folder: string;
  readonly types: readonly (readonly [name: string, type: ColumnType])[];
  readonly compression: Compression;
}

class DuckDbWriter implements ParquetWriter {
  readonly #parts: Parts;
  #rows = 0;
  #closed = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async write(batch: RecordBatch): Promise<void> {
    const columns = columnsOf(batch);
    for (let start = 0; start < batch.numRows; start += vectorRows) {
      this.#append(columns, start, Math.min(vectorRows, batch.numRows - start));
    }
    this.#rows += batch.numRows;
  }

  #append(columns: readonly Column[], start: number, rows: number): void {
    const { session, types, appender } = this.#parts;
    const kinds = types.map(([, type]) => libraryType(session.lib, type));
    const chunk = session.lib.DuckDBDataChunk.create(kinds, rows);
    for (const [index, column] of columns.entries()) fill(chunk.getColumnVector(index), column, start, rows);
    appender.appendDataChunk(chunk);
  }

  async finish(): Promise<ParquetOutput> {
    const { connection, table, folder, types, compression } = this.#parts;
    this.#closeAppender();
    const path = join(folder, "out.parquet");
    const columns = types.map(([name], i) => `c${i} AS ${sqlName(name)}`).join(", ");
    const codec = compression === "none" ? "uncompressed" : compression;
    await connection.run(
      `COPY (SELECT ${columns} FROM ${table}) TO ${sqlText(path)} (FORMAT parquet, COMPRESSION ${codec})`,
    );
    const { size } = await stat(path);
    const body = Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array>;
    return { rows: this.#rows, size, body };
  }

  #closeAppender(): void {
    if (!this.#closed) this.#parts.appender.closeSync();
    this.#closed = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { connection, table, folder } = this.#parts;
    try {
      this.#closeAppender();
      await connection.run(`DROP TABLE IF EXISTS ${table}`);
    } finally {
      connection.closeSync();
      await rm(folder, { recursive: true, force: true });
    }
  }
}

function fill(vector: DuckDbVector, column: Column, start: number, rows: number): void {
  if (column.numbers === undefined) {
    for (let row = 0; row < rows; row++) vector.setItem(row, ownBytes(column.get(start + row)));
  } else {
    itemsOf(vector).set(column.numbers.subarray(start, start + rows) as never);
    if (column.nullCount > 0) {
      for (let row = 0; row < rows; row++) if (column.isNull(start + row)) vector.setItem(row, null);
    }
  }
  vector.flush();
}

/** A blob item is an object with its bytes. */
function ownBytes(value: unknown): unknown {
  return value instanceof Uint8Array ? { bytes: value } : value;
}
