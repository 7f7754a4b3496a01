import { createReadStream } from "node:fs";
import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { RecordBatch, Schema } from "apache-arrow";
import { storageError } from "../errors.ts";
import type { ColumnType } from "./column-type.ts";
import { columnsOf } from "./column.ts";
import { appendRows } from "./duckdb-chunk.ts";
import { type DuckDbAppender, type DuckDbConnection, sqlName, sqlText } from "./duckdb-library.ts";
import type { DuckDbSession } from "./duckdb-session.ts";
import { negativeZeroSql, withoutDictionaries } from "./duckdb-sql.ts";
import { fieldIds, sqlType } from "./duckdb-types.ts";
import { typesOf } from "./footer.ts";
import type { Compression, ParquetOutput, ParquetWriter } from "./port.ts";

/** Gathers rows in a table of the session, then copies them to a Parquet file. */
export async function createWithDuckDb(
  session: DuckDbSession,
  schema: Schema,
  compression: Compression,
): Promise<ParquetWriter> {
  const types = [...typesOf(schema)];
  const connection = await session.connect();
  const table = session.tableName();
  try {
    // The table's columns are numbered: names of any kind meet SQL only in the file.
    const columns = types.map(([, type], i) => `c${i} ${sqlType(stored(type))}`).join(", ");
    await connection.run(`CREATE TABLE ${table} (${columns})`);
    const appender = await connection.createAppender(table);
    const folder = await session.folder("write");
    return new DuckDbWriter({ session, connection, appender, table, folder, schema, types, compression });
  } catch (error) {
    connection.closeSync();
    throw error;
  }
}

/** Strings are kept as the bytes they are, and decoded, which checks them, on their way to the file. */
const stored = (type: ColumnType): ColumnType => (type === "string" ? "binary" : type);

interface Parts {
  readonly session: DuckDbSession;
  readonly connection: DuckDbConnection;
  readonly appender: DuckDbAppender;
  readonly table: string;
  readonly folder: string;
  readonly schema: Schema;
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
    const { session, types, appender } = this.#parts;
    appendRows(session, types, appender, columnsOf(batch), batch.numRows);
    this.#rows += batch.numRows;
  }

  async finish(): Promise<ParquetOutput> {
    const { connection, table, folder, schema, types, compression } = this.#parts;
    this.#closeAppender();
    const path = join(folder, "out.parquet");
    const columns = types
      .map(([name, type], i) => `${type === "string" ? `decode(c${i})` : `c${i}`} AS ${sqlName(name)}`)
      .join(", ");
    const codec = compression === "none" ? "uncompressed" : compression;
    const dictionaries = (await this.#hasNegativeZero()) ? withoutDictionaries : "";
    const options = `FORMAT parquet, COMPRESSION ${codec}${dictionaries}${fieldIds(schema)}`;
    try {
      await connection.run(`COPY (SELECT ${columns} FROM ${table}) TO ${sqlText(path)} (${options})`);
    } catch (cause) {
      if (!/Invalid Input|Conversion Error/.test(String(cause))) throw cause;
      const what = `the rows: ${String((cause as Error).message)}`;
      throw storageError("CODEC_REFUSED", { codec: "duckdb", what, remedy: "Give text in UTF-8." }, { cause });
    }
    const { size } = await stat(path);
    const body = Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array>;
    return { rows: this.#rows, size, body };
  }

  async #hasNegativeZero(): Promise<boolean> {
    const { connection, table, types } = this.#parts;
    const found = types.flatMap(([, type], index) => negativeZeroSql(`c${index}`, type) ?? []);
    if (found.length === 0) return false;
    const result = await connection.run(`SELECT coalesce(bool_or(${found.join(" OR ")}), false) FROM ${table}`);
    const [[has] = []] = await result.getRowsJson();
    return has === true;
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
