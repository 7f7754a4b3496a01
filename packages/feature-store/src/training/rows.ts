import { Field, makeData, RecordBatch, Schema, Struct, Table } from "apache-arrow";
import { collect } from "../collect.ts";
import type { FeatureColumn } from "../offline/feature-column.ts";
import { encodeStream } from "./arrow-stream.ts";

const rowsPerBatch = 65_536;

/** The rows of a training set in Arrow: those of the labels, widened by the features. */
export interface TrainingRows {
  /** At most 65,536 rows to a batch, in the order of the labels. Can be read again. */
  batches(): AsyncIterable<RecordBatch>;
  table(): Promise<Table>;
  /** An Arrow IPC stream of the batches, made as it is read. */
  stream(): ReadableStream<Uint8Array>;
}

export function trainingRows(
  labels: () => AsyncIterable<RecordBatch>,
  features: readonly FeatureColumn[],
): TrainingRows {
  async function* batches(): AsyncIterable<RecordBatch> {
    let at = 0;
    let empty: RecordBatch | undefined;
    for await (const batch of labels()) {
      if (batch.numRows === 0) empty ??= batch;
      for (let start = 0; start < batch.numRows; start += rowsPerBatch) {
        const part = batch.slice(start, Math.min(start + rowsPerBatch, batch.numRows));
        yield widen(part, features, at);
        at += part.numRows;
      }
    }
    // A set without rows has columns all the same.
    if (at === 0 && empty !== undefined) yield widen(empty, features, 0);
  }

  return {
    batches,
    table: async () => new Table(await collect(batches())),
    stream: () => encodeStream(batches()),
  };
}

/** The label rows of one batch with the features of the rows from `at`, which share the memory of their columns. */
function widen(batch: RecordBatch, features: readonly FeatureColumn[], at: number): RecordBatch {
  const data = features.map((feature) => feature.toArrow().slice(at, batch.numRows));
  const fields = features.map((feature, i) => new Field(feature.name, (data[i] as (typeof data)[number]).type, true));
  const schema = new Schema([...batch.schema.fields, ...fields], batch.schema.metadata);
  const children = [...batch.data.children, ...data];
  const struct = makeData({ type: new Struct(schema.fields), length: batch.numRows, nullCount: 0, children });
  return new RecordBatch(schema, struct);
}
