import type { RecordBatch, Schema } from "apache-arrow";
import type { PrimitiveType, Value } from "./column-type.ts";
import type { ColumnTest, Predicate } from "./predicate.ts";
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
  /**
   * By column, where the writer knows all of them: `nulls`, and `min` and `max` of columns that have an order and no NaN,
   * exact; booleans, blobs and columns of nulls have none.
   */
  readonly columns?: ReadonlyMap<string, ColumnBounds>;
}

/** Writes one file. Disposing it releases what it holds, finished or not. */
export interface ParquetWriter extends AsyncDisposable {
  /** Columns are matched by position. @throws CODEC_REFUSED for a value the codec cannot hold */
  write(batch: RecordBatch): Promise<void>;
  finish(): Promise<ParquetOutput>;
  /** Whether its output tells of `columns`. @default false */
  readonly tellsColumns?: boolean;
}

export interface ParquetWriteOptions {
  /** @default the codec's first */
  readonly compression?: Compression;
}

/** A condition that every row must satisfy. */
export interface ColumnCheck {
  readonly test: ColumnTest;
  /** Whether a null satisfies it, whatever the test says. */
  readonly nullPasses: boolean;
}

/** Rows of Parquet files that are to become other Parquet files as they are. */
export interface ParquetCopyPlan {
  readonly sources: readonly ParquetSource[];
  /** The columns, without structs, arrays and maps: every source has them, in any order. Naive timestamps become UTC ones. */
  readonly schema: Schema;
  /** Columns whose values part the rows into files, in which they do not stand; each is a string, an integer, a boolean or a date. */
  readonly partitionBy: readonly string[];
  readonly checks: readonly ColumnCheck[];
  readonly compression?: Compression;
  readonly signal?: AbortSignal;
}

/** One of the new files; its body can be read once, before the copy is disposed. */
export interface CopiedFile extends ParquetOutput {
  /** The values of the partition columns as text, dates as `2001-06-01`. */
  readonly partition: ReadonlyMap<string, string | null>;
  /** By column; `min` and `max` are exact where they are given, and absent where a NaN is among the values. */
  readonly columns: ReadonlyMap<string, ColumnBounds>;
}

/** New files, and what they take of a disk until it is disposed. */
export interface ParquetCopy extends AsyncDisposable {
  readonly files: readonly CopiedFile[];
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
  /**
   * Copies rows without bringing them to JavaScript, where the codec can. Undefined when it cannot do it without losing a
   * bit, or when a row does not satisfy a check: the rows must then go through `open` and `create`.
   */
  copy?(plan: ParquetCopyPlan): Promise<ParquetCopy | undefined>;
}
