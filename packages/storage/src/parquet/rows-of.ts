import type { RecordBatch } from "apache-arrow";
import type { Value } from "./column-type.ts";
import { columnsOf } from "./column.ts";

/**
 * The rows of an Arrow batch as plain values, in the form `batchFrom` takes: `long` and timestamps (epoch microseconds)
 * are `bigint`, a decimal is its unscaled `bigint`, a date is days since 1970-01-01, a map is an array of pairs.
 *
 * @throws TYPE_UNSUPPORTED
 */
export function* rowsOf(batch: RecordBatch): Generator<Record<string, Value | null>> {
  const columns = columnsOf(batch);
  for (let row = 0; row < batch.numRows; row++) {
    yield Object.fromEntries(columns.map((column) => [column.name, column.get(row)]));
  }
}
