import { RecordBatch, type Schema, Table } from "apache-arrow";
import type { ParquetCodec } from "../parquet/port.ts";
import { withPlainLists } from "../parquet/plain-lists.ts";
import { type OpenParquetFiles, openParquetFiles, ParquetFiles } from "./parquet-files.ts";

/** Rows for a table: Arrow batches, or files that hold them. */
export type Rows = Table | RecordBatch | Iterable<RecordBatch> | AsyncIterable<RecordBatch> | ParquetFiles;

/** Rows whose columns are known before the first of them is taken. */
export interface IncomingRows extends AsyncDisposable {
  /** Undefined when there is no batch to tell. */
  readonly schema: Schema | undefined;
  readonly batches: AsyncIterable<RecordBatch>;
  /** The files that hold all of them. */
  readonly files?: OpenParquetFiles;
}

/** @throws PARQUET_CORRUPT, TYPE_UNSUPPORTED, VALUE_INVALID */
export async function incomingRows(codec: ParquetCodec, rows: Rows): Promise<IncomingRows> {
  if (rows instanceof ParquetFiles) {
    const files = await openParquetFiles(codec, rows);
    const close = (): PromiseLike<void> => files[Symbol.asyncDispose]();
    return { schema: files.schema, batches: files.scan(), files, [Symbol.asyncDispose]: close };
  }
  const [first, batches] = await peek(rows);
  return { schema: first?.schema, batches, [Symbol.asyncDispose]: async () => undefined };
}

/** The first batch, and all of them. */
async function peek(rows: Exclude<Rows, ParquetFiles>): Promise<[RecordBatch | undefined, AsyncIterable<RecordBatch>]> {
  const source = rows instanceof Table ? rows.batches : rows instanceof RecordBatch ? [rows] : rows;
  const iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  const first = await iterator.next();
  async function* all(): AsyncGenerator<RecordBatch> {
    try {
      for (let next = first; next.done !== true; next = await iterator.next()) yield withPlainLists(next.value);
    } finally {
      await iterator.return?.();
    }
  }
  return [first.done === true ? undefined : first.value, all()];
}
