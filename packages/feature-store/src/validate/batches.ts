import type { RecordBatch, Table } from "apache-arrow";
import type { FeatureView } from "../define/feature-view.ts";
import type { TableSource } from "../source/table-source.ts";

/** Rows to look at: a source, an Arrow table, batches, anything with `batches()` such as a training set, or a view. */
export type Batches =
  | Table
  | Iterable<RecordBatch>
  | AsyncIterable<RecordBatch>
  | { batches(): AsyncIterable<RecordBatch> }
  | TableSource
  | FeatureView;

export interface ScanOptions {
  readonly signal?: AbortSignal;
}

export async function* batchesOf(from: Batches, { signal }: ScanOptions = {}): AsyncIterable<RecordBatch> {
  for await (const batch of streamOf(from, signal)) {
    signal?.throwIfAborted();
    yield batch;
  }
}

function streamOf(from: Batches, signal: AbortSignal | undefined): Iterable<RecordBatch> | AsyncIterable<RecordBatch> {
  const options = signal === undefined ? {} : { signal };
  if ("source" in from) return from.source.scan(options);
  if ("scan" in from) return from.scan(options);
  if (!("batches" in from)) return from;
  return typeof from.batches === "function" ? from.batches() : from.batches;
}
