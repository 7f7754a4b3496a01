import type { RecordBatch, Schema } from "apache-arrow";
import type { ParquetCodec, ParquetReader } from "../parquet/port.ts";
import { type ParquetSource, sourceOfFile } from "../parquet/source.ts";

/** Rows that stand in Parquet files: see `parquetFiles`. */
export class ParquetFiles {
  readonly paths: readonly string[];

  constructor(paths: readonly string[]) {
    this.paths = paths;
  }
}

/**
 * The rows of Parquet files of this machine, for `append`, `overwrite` and `merge`. With the DuckDB codec, `append` and
 * `overwrite` write them into the table without bringing them to JavaScript, where every column is flat and of the
 * table's type, every expectation is a condition on one column (`notNull`, `between`, `oneOf`), and every row satisfies
 * it; else they go the way of all rows. The table is the same, but for the order of rows within a partition.
 *
 * @throws PARQUET_CORRUPT, TYPE_UNSUPPORTED when they are read
 */
export function parquetFiles(...paths: readonly string[]): ParquetFiles {
  return new ParquetFiles(paths);
}

/** Parquet files that are open. */
export interface OpenParquetFiles extends AsyncDisposable {
  readonly sources: readonly ParquetSource[];
  readonly readers: readonly ParquetReader[];
  /** The columns of the first file. */
  readonly schema: Schema | undefined;
  scan(signal?: AbortSignal): AsyncGenerator<RecordBatch>;
}

/** @throws PARQUET_CORRUPT, TYPE_UNSUPPORTED */
export async function openParquetFiles(codec: ParquetCodec, { paths }: ParquetFiles): Promise<OpenParquetFiles> {
  const sources: ParquetSource[] = [];
  const readers: ParquetReader[] = [];
  const close = async (): Promise<void> => {
    for (const reader of readers) await reader[Symbol.asyncDispose]();
  };
  try {
    for (const path of paths) {
      const source = await sourceOfFile(path);
      sources.push(source);
      readers.push(await codec.open(source));
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    sources,
    readers,
    schema: readers[0]?.schema,
    async *scan(signal) {
      for (const reader of readers) yield* reader.scan(signal === undefined ? {} : { signal });
    },
    [Symbol.asyncDispose]: close,
  };
}
