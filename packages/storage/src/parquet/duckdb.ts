import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Schema } from "apache-arrow";
import {
  type DuckDbConnection,
  type DuckDbInstance,
  type DuckDbLibrary,
  loadDuckDb,
  sqlText,
} from "./duckdb-library.ts";
import { openWithDuckDb } from "./duckdb-read.ts";
import { createWithDuckDb } from "./duckdb-write.ts";
import type { ParquetCodec, ParquetReader, ParquetWriteOptions, ParquetWriter } from "./port.ts";
import type { ParquetSource } from "./source.ts";

export type { DuckDbLibrary } from "./duckdb-library.ts";

export interface DuckDbOptions {
  /** The module `@duckdb/node-api`. @default it is imported on first use */
  readonly lib?: DuckDbLibrary;
  /** DuckDB's own memory; beyond it, rows of files being written go to temporary files. @default "512MB" */
  readonly memoryLimit?: string;
  /** Threads of DuckDB. @default one per processor */
  readonly threads?: number;
}

/** A database in memory, opened on first use. */
export interface DuckDbSession {
  readonly lib: DuckDbLibrary;
  connect(): Promise<DuckDbConnection>;
  /** A name for a table that no other use of the session has. */
  tableName(): string;
}

/**
 * Parquet through DuckDB: the fast codec. Reads stream DuckDB's vectors into Arrow batches of up to 64 Ki rows; a file
 * being written is gathered in a table and copied out, zstd by default. Needs `@duckdb/node-api`.
 */
export function duckdb(options: DuckDbOptions = {}): ParquetCodec {
  return new DuckDbCodec(options);
}

class DuckDbCodec implements ParquetCodec {
  readonly name = "duckdb";
  readonly capabilities = {
    compressions: ["zstd", "snappy", "gzip", "none"],
    columnTypes: [
      "boolean",
      "byte",
      "short",
      "integer",
      "long",
      "float",
      "double",
      "string",
      "binary",
      "date",
      "timestamp",
      "timestamp_ntz",
    ],
  } as const;
  readonly #options: DuckDbOptions;
  #opened: Promise<{ readonly session: DuckDbSession; readonly instance: DuckDbInstance }> | undefined;

  constructor(options: DuckDbOptions) {
    this.#options = options;
  }

  async create(schema: Schema, options: ParquetWriteOptions = {}): Promise<ParquetWriter> {
    return createWithDuckDb((await this.#open()).session, schema, options.compression ?? "zstd");
  }

  async open(source: ParquetSource, options: { readonly signal?: AbortSignal } = {}): Promise<ParquetReader> {
    options.signal?.throwIfAborted();
    return openWithDuckDb((await this.#open()).session, source);
  }

  #open(): Promise<{ readonly session: DuckDbSession; readonly instance: DuckDbInstance }> {
    this.#opened ??= start(this.#options);
    // A library that is missing now may be there at the next try.
    this.#opened.catch(() => (this.#opened = undefined));
    return this.#opened;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    (await opened)?.instance.closeSync();
  }
}

async function start(
  options: DuckDbOptions,
): Promise<{ readonly session: DuckDbSession; readonly instance: DuckDbInstance }> {
  const lib = options.lib ?? (await loadDuckDb());
  const instance = await lib.DuckDBInstance.create(":memory:", {
    memory_limit: options.memoryLimit ?? "512MB",
    temp_directory: join(tmpdir(), `ashlar-duckdb-${process.pid}-${crypto.randomUUID()}`),
    ...(options.threads === undefined ? {} : { threads: String(options.threads) }),
  });
  let tables = 0;
  const session: DuckDbSession = {
    lib,
    tableName: () => `written_${(tables += 1)}`,
    async connect() {
      const connection = await instance.connect();
      await connection.run(`SET TimeZone = ${sqlText("UTC")}`);
      return connection;
    },
  };
  return { session, instance };
}
