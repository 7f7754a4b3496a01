import { setImmediate as nextTurn } from "node:timers/promises";
import type { RecordBatch } from "apache-arrow";
import type { View } from "../define/selection.ts";
import type { Value, ValueType } from "../define/value-type.ts";
import { FeatureColumn } from "../offline/feature-column.ts";
import type { Readings } from "../serve/read.ts";
import { featureType, readingColumns } from "../serve/reading-columns.ts";
import { toBatch } from "./to-batch.ts";
import { type LogDefinition, logColumns } from "./definition.ts";

/** One row of one read, as it is kept until it is appended. */
export interface ServedRow {
  readonly request: string;
  readonly row: number;
  /** Epoch milliseconds. */
  readonly at: number;
  /** Keys and inputs, in the order of the definition; null for what was not given. */
  readonly given: readonly (Value | null)[];
  readonly readings: Readings;
}

/**
 * The rows as one Arrow batch: `request_id`, `request_row`, `served_at`, `definition`, the keys and inputs, and of each feature
 * its value, `<feature>@status` and `<feature>@age_ms`, all null when it was not asked for. The event loop gets a turn
 * after every feature.
 */
export async function servedBatch(definition: LogDefinition, rows: readonly ServedRow[]): Promise<RecordBatch> {
  const columns: FeatureColumn[] = [];
  function add(name: string, type: ValueType, valueOf: (row: ServedRow) => Value | null): void {
    const column = new FeatureColumn(name, type, rows.length);
    rows.forEach((row, i) => {
      const value = valueOf(row);
      if (value !== null) column.set(i, value);
    });
    columns.push(column);
  }

  add(logColumns.request, "string", ({ request }) => request);
  add(logColumns.row, "int32", ({ row }) => row);
  add(logColumns.time, "timestamp", ({ at }) => micros(at));
  add(logColumns.definition, "string", () => definition.hash);
  definition.given.forEach(({ name, type }, i) => add(name, type, ({ given }) => given[i] ?? null));
  const { views, onDemand, names } = definition.selection;
  const selected: readonly View[] = [...views, ...onDemand].map(({ view }) => view);
  for (const name of names) {
    await nextTurn();
    const readings = rows.map((row) => row.readings[name]);
    columns.push(...readingColumns(name, featureType(selected, name), readings));
  }
  return toBatch(columns, rows.length);
}

/** Epoch milliseconds, with a fraction, as epoch microseconds. */
export const micros = (milliseconds: number): bigint => BigInt(Math.round(milliseconds * 1000));
