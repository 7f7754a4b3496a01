import { setImmediate as nextTurn } from "node:timers/promises";
import { isAshlarError } from "@ashlar/core";
import type { RecordBatch } from "apache-arrow";
import type { ColumnFeature } from "../define/column.ts";
import type { FeatureView } from "../define/feature-view.ts";
import { featureStoreError } from "../errors.ts";
import { readColumn } from "../offline/arrow-columns.ts";
import type { ColumnData } from "../offline/column-data.ts";
import { inputColumns, readerOf } from "../offline/join.ts";
import { assertKeyColumn } from "../offline/key-dictionary.ts";
import { timeColumn } from "../offline/time-column.ts";
import { KeyWriter } from "../online/key-writer.ts";
import { layoutOf } from "../online/layout.ts";
import type { ScannedRows } from "./latest-vectors.ts";

/** Few enough that the event loop is not held up for long. */
const rowsAtOnce = 16_384;

/** True of a view whose vectors are its rows, one for each. */
export const hasOnlyColumns = (view: FeatureView): boolean =>
  Object.values(view.features).every(({ kind }) => kind === "column");

/**
 * The rows of a view's source, some thousand at a time, in the order of ingestion.
 *
 * @param asOf of the vectors, epoch microseconds
 * @throws COLUMN_MISSING, COLUMN_TYPE_MISMATCH, TIMESTAMP_NAIVE, TIMESTAMP_INVALID
 */
export async function* scanRows(
  view: FeatureView,
  asOf: number,
  signal: AbortSignal | undefined,
): AsyncIterable<ScannedRows> {
  const { source, eventTime, knownAt } = view;
  const columns = [
    ...new Set([
      ...view.keys.map((key) => key.column),
      eventTime,
      ...(knownAt === undefined ? [] : [knownAt]),
      ...inputColumns(view),
    ]),
  ];
  let before = 0;
  for await (const batch of source.scan({ columns, ...(signal && { signal }) })) {
    for (let at = 0; at < batch.numRows; at += rowsAtOnce) {
      await nextTurn();
      signal?.throwIfAborted();
      yield rowsOf(view, batch.slice(at, Math.min(batch.numRows, at + rowsAtOnce)), asOf, before + at);
    }
    before += batch.numRows;
  }
}

function rowsOf(view: FeatureView, batch: RecordBatch, asOf: number, before: number): ScannedRows {
  const { source, eventTime, knownAt } = view;
  const table = source.name;
  const read = new Map<string, ColumnData>();
  function column(name: string): ColumnData {
    const data = read.get(name) ?? numbered(before, () => readColumn([batch], name, table));
    read.set(name, data);
    return data;
  }
  const time = (name: string): Float64Array =>
    timeColumn(column(name), { column: name, table, timezone: source.timezone });
  const keys = view.keys.map(({ column: name, type }) => {
    assertKeyColumn(column(name), { column: name, table, type });
    return column(name);
  });
  const sources = Object.values(view.features).map((feature) => {
    const data = column((feature as ColumnFeature).column);
    return { data, read: readerOf(view, feature as ColumnFeature, read) };
  });
  return {
    count: batch.numRows,
    keys: new KeyWriter(keys),
    event: time(eventTime),
    known: knownAt === undefined ? undefined : time(knownAt),
    vectors: layoutOf(view.features).writer(sources, asOf),
  };
}

/** Names a row by its place in the source, of which the batch begins at `before`. */
function numbered<Result>(before: number, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (!isAshlarError(error) || error.code !== "TIMESTAMP_INVALID") throw error;
    const { column, table, row, rule } = error.details as { column: string; table: string; row: number; rule: string };
    throw featureStoreError("TIMESTAMP_INVALID", { column, table, row: row + before, rule });
  }
}
