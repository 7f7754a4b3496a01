import { availableParallelism } from "node:os";
import type { Schema } from "apache-arrow";
import { ByteSink } from "./byte-sink.ts";
import { primitiveTypes } from "./column-type.ts";
import { copyWithDuckDb } from "./duckdb-copy.ts";
import { openWithDuckDb } from "./duckdb-read.ts";
import { type DuckDbOptions, type DuckDbSession, startDuckDb } from "./duckdb-session.ts";
import { createWithDuckDb } from "./duckdb-write.ts";
import { EncodeThreads } from "./encode-threads.ts";
import { FlatWriter, isFlat } from "./flat-write.ts";
import type {
  ParquetCodec,
  ParquetCopy,
  ParquetCopyPlan,
  ParquetReader,
  ParquetWriteOptions,
  ParquetWriter,
} from "./port.ts";
import type { ParquetSource } from "./source.ts";

export type { DuckDbLibrary } from "./duckdb-library.ts";
export type { DuckDbOptions } from "./duckdb-session.ts";

/**
 * Parquet through DuckDB: the fast codec. Flat columns are decoded here, a row group at a time; DuckDB streams columns with
 * parts, large row groups and rows that a condition narrows, in batches of up to 64 Ki. Files of flat columns are encoded here, zstd by default, in memory up to 16 MiB and beyond that in a temporary file; those with
 * structs, arrays or maps are gathered in a table and copied out. Needs `@duckdb/node-api`.
 */
export function duckdb(options: DuckDbOptions = {}): ParquetCodec {
  return new DuckDbCodec(options);
}

/** Threads that encode, where none are asked for. */
const largestDefault = 4;

class DuckDbCodec implements ParquetCodec {
  readonly name = "duckdb";
  readonly capabilities = {
    compressions: ["zstd", "snappy", "gzip", "none"],
    columnTypes: primitiveTypes,
    decimals: true,
    nested: true,
  } as const;
  readonly #options: DuckDbOptions;
  readonly #threads: EncodeThreads | undefined;
  #session: Promise<DuckDbSession> | undefined;

  constructor(options: DuckDbOptions) {
    this.#options = options;
    const count = options.encodeThreads ?? Math.min(largestDefault, availableParallelism() - 1);
    this.#threads = count > 0 ? new EncodeThreads({ count, codec: this.name }) : undefined;
  }

  async create(schema: Schema, options: ParquetWriteOptions = {}): Promise<ParquetWriter> {
    const session = await this.#open();
    const compression = options.compression ?? "zstd";
    if (!isFlat(schema)) return createWithDuckDb(session, schema, compression);
    const sink = new ByteSink(() => session.folder("write"));
    return new FlatWriter({ schema, compression, sink, codec: this.name, threads: this.#threads });
  }

  async open(source: ParquetSource, options: { readonly signal?: AbortSignal } = {}): Promise<ParquetReader> {
    options.signal?.throwIfAborted();
    return openWithDuckDb(await this.#open(), source);
  }

  async copy(plan: ParquetCopyPlan): Promise<ParquetCopy | undefined> {
    plan.signal?.throwIfAborted();
    return copyWithDuckDb(await this.#open(), plan);
  }

  #open(): Promise<DuckDbSession> {
    this.#session ??= startDuckDb(this.#options);
    // A library that is missing now may be there at the next try.
    this.#session.catch(() => (this.#session = undefined));
    return this.#session;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await this.#threads?.[Symbol.asyncDispose]();
    await (await session)?.[Symbol.asyncDispose]();
  }
}
