import { type RecordBatch, Schema } from "apache-arrow";
import { batchOf } from "./batch.ts";
import type { RowGroupInfo } from "./port.ts";

/** Batches without columns: row counts, for a scan that asks for no column. */
export function* rowsOnly(groups: readonly RowGroupInfo[]): Generator<RecordBatch> {
  for (const { rows } of groups) yield batchOf(new Schema([]), [], rows);
}
