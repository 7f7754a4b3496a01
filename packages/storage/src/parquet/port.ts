import type { RecordBatch, Schema } from "apache-arrow";
import type { PrimitiveType, Value } from "./column-type.ts";
import type { Predicate } from "./predicate.ts";
import type { ParquetSource } from "./source.ts";

export type Compression = "zstd" | "snappy" | "gzip" | "none";

/** What a codec can do. */
export interface ParquetCapabilities {
  /** Compressions it writes; the first is its default. */
  readonly compressions: readonly Compression[];
  /** Column types it writes and reads without loss; it refuses others by name. */
  readonly columnTypes: readonly PrimitiveType[];
  /** Whether it keeps decimals of up to 38 digits. */
  readonly decimals: boolean;
  /** Whether it keeps structs, arrays and maps. */
  readonly nested: boolean;
}

/** Bounds of one column in one row group. `min` and `max` are absent where the file does not say, or not reliably. */
export interface ColumnBounds {
  readonly min?: Value;
  readonly max?: Value;
  readonly nulls?: number;
}

export interface RowGroupInfo {
  readonly rows: number;
  readonly columns: ReadonlyMap<string, ColumnBounds>;
}

export interface ParquetScanOptions {
  /** @default every column of the file, in its order */
  readonly columns?: readonly string[];
  /** Row groups that cannot hold a match are skipped; rows that do not match may still be returned. @default none */
  readonly where?: Predicate;
  readonly signal?: AbortSignal;
}

/** An open Parquet file. */
export interface ParquetReader extends AsyncDisposable {
  readonly schema: Schema;
  readonly rows: number;
  readonly rowGroups: readonly RowGroupInfo[];
  /** @throws COLUMN_UNKNOWN, PARQUET_CORRUPT */
  scan(options?: ParquetScanOptions): AsyncIterable<RecordBatch>;
}

/** A finished file. Its body can be read once, before the writer is disposed. */
export interface ParquetOutput {
  readonly rows: number;
  /** Bytes. */
  readonly size: number;
  readonly body: Uint8Array | ReadableStream<Uint8Array>;
}

/** Writes one file. Disposing it releases what it holds, finished or not. */
export interface ParquetWriter extends AsyncDisposable {
  /** Columns are matched by position. @throws CODEC_REFUSED for a value the codec cannot hold */
  write(batch: RecordBatch): Promise<void>;
  finish(): Promise<ParquetOutput>;
}

export interface ParquetWriteOptions {
  /** @default the codec's first */
  readonly compression?: Compression;
}

/** Reads and writes Parquet as Arrow record batches. */
export interface ParquetCodec extends AsyncDisposable {
  readonly name: string;
  readonly capabilities: ParquetCapabilities;
  /**
   * A field's metadata `PARQUET:field_id`, at any depth, becomes its id in the file, where the codec can write one.
   *
   * @throws LIBRARY_MISSING, TYPE_UNSUPPORTED, CODEC_REFUSED
   */
  create(schema: Schema, options?: ParquetWriteOptions): Promise<ParquetWriter>;
  /** @throws LIBRARY_MISSING, TYPE_UNSUPPORTED, PARQUET_CORRUPT, CODEC_REFUSED */
  open(source: ParquetSource, options?: { readonly signal?: AbortSignal }): Promise<ParquetReader>;
}
