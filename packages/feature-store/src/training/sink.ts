import type { RecordBatch } from "apache-arrow";

/** Where a training set goes as it is made: a table of a lake, {@link parquetFile}, {@link arrowStream}, or one of your own. */
export interface TrainingSink {
  /**
   * Keeps all rows or none: it shows nothing before `batches` has come to its end, and nothing at all when that fails. Batches
   * are asked for one at a time, and are of one schema.
   */
  append(batches: AsyncIterable<RecordBatch>, options: { readonly signal?: AbortSignal }): Promise<unknown>;
}
