import type { RecordBatch } from "apache-arrow";
import { featureStoreError } from "../errors.ts";
import type { TableSource } from "../source/table-source.ts";
import type { ColumnData } from "./column-data.ts";
import type { EngineOptions } from "./port.ts";
import { timeColumn } from "./time-column.ts";

/** The batches of a source in parts of exactly `rowsPerPart` rows, but for the last; at least one part. */
export async function* inParts(
  source: TableSource,
  rowsPerPart: number,
  { signal }: EngineOptions,
): AsyncIterable<readonly RecordBatch[]> {
  let part: RecordBatch[] = [];
  let rows = 0;
  let parts = 0;
  for await (const batch of source.scan(signal === undefined ? {} : { signal })) {
    signal?.throwIfAborted();
    let at = 0;
    while (rows + batch.numRows - at > rowsPerPart) {
      const end = at + rowsPerPart - rows;
      yield [...part, batch.slice(at, end)];
      parts++;
      [part, rows, at] = [[], 0, end];
    }
    part.push(at === 0 ? batch : batch.slice(at, batch.numRows));
    rows += batch.numRows - at;
  }
  if (rows > 0 || parts === 0) yield part;
}

/**
 * @param firstRow the number of the first label among all
 * @throws LABEL_TIME_NULL, TIMESTAMP_NAIVE
 */
export function labelTimes(data: ColumnData, source: TableSource, column: string, firstRow: number = 0): Float64Array {
  const times = timeColumn(data, { column, table: source.name, timezone: source.timezone });
  const row = times.findIndex((time) => Number.isNaN(time));
  if (row >= 0) throw featureStoreError("LABEL_TIME_NULL", { column, row: firstRow + row });
  return times;
}
