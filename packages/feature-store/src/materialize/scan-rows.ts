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
import type { VectorWriter } from "../online/vector-writer.ts";

/** Few enough that the event loop is not held up for long. */
const rowsAtOnce = 16_384;

/** True of a view whose vectors are its rows, one for each. */
export const hasOnlyColumns = (view: FeatureView): boolean =>
  Object.values(view.features).every(({ kind }) => kind === "column");

/** The columns of its source that a view is made of: keys, times and what features are computed from. */
export function sourceColumns(view: FeatureView): string[] {
  const { keys, eventTime, knownAt } = view;
  const times = knownAt === undefined ? [eventTime] : [eventTime, knownAt];
  return [...new Set([...keys.map(({ column }) => column), ...times, ...inputColumns(view)])];
}

/** Some rows of a source, in the order of ingestion. */
export interface ScannedColumns {
  readonly count: number;
  readonly keys: KeyWriter;
  /** Epoch microseconds; NaN where null. */
  readonly event: Float64Array;
  /** Epoch microseconds; NaN where null. Absent in a view without `knownAt`. */
  readonly known: Float64Array | undefined;
  /** A column of the source that keys, times or features are read from. */
  column(name: string): ColumnData;
}

/** The same, and what packs them. */
export interface ScannedRows extends ScannedColumns {
  readonly vectors: VectorWriter;
}

/**
 * The rows of a view's source, some thousand at a time.
 *
 * @throws COLUMN_MISSING, COLUMN_TYPE_MISMATCH, TIMESTAMP_NAIVE, TIMESTAMP_INVALID
 */
export async function* scanColumns(view: FeatureView, signal: AbortSignal | undefined): AsyncIterable<ScannedColumns> {
  let before = 0;
  for await (const batch of view.source.scan({ columns: sourceColumns(view), ...(signal && { signal }) })) {
    for (let at = 0; at < batch.numRows; at += rowsAtOnce) {
      await nextTurn();
      signal?.throwIfAborted();
      yield columnsOf(view, batch.slice(at, Math.min(batch.numRows, at + rowsAtOnce)), before + at);
    }
    before += batch.numRows;
  }
}

/**
 * The same for a view that has only columns, packed as they are asked for.
 *
 * @param asOf of the vectors, epoch microseconds
 * @throws as {@link scanColumns}
 */
export async function* scanRows(
  view: FeatureView,
  asOf: number,
  signal: AbortSignal | undefined,
): AsyncIterable<ScannedRows> {
  const features = Object.values(view.features) as ColumnFeature[];
  for await (const rows of scanColumns(view, signal)) {
    const read = new Map(features.map(({ column }) => [column, rows.column(column)]));
    const sources = features.map((feature) => ({
      data: rows.column(feature.column),
      read: readerOf(view, feature, read),
    }));
    yield { ...rows, vectors: layoutOf(view.features).writer(sources, asOf) };
  }
}

function columnsOf(view: FeatureView, batch: RecordBatch, before: number): ScannedColumns {
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
  return {
    count: batch.numRows,
    keys: new KeyWriter(keys),
    event: time(eventTime),
    known: knownAt === undefined ? undefined : time(knownAt),
    column,
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
