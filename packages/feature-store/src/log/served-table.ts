import { collect } from "../collect.ts";
import type { View } from "../define/selection.ts";
import type { Value, ValueType } from "../define/value-type.ts";
import { readColumn } from "../offline/arrow-columns.ts";
import { columnReader } from "../offline/column-reader.ts";
import { FeatureColumn } from "../offline/feature-column.ts";
import type { Reading } from "../serve/read.ts";
import { ageColumn, featureType, statusColumn } from "../serve/reading-columns.ts";
import { toBatch } from "./to-batch.ts";
import { fromBatches, type TableSource } from "../source/table-source.ts";
import { type Labels, labelSource } from "../training/label-source.ts";
import { type LogDefinition, logColumns } from "./definition.ts";

type Read = (row: number) => Value | null;

/** The rows of a log in memory, of the columns that a definition names. */
export interface ServedTable {
  readonly rows: number;
  /** The rows that were logged by the definition. */
  readonly ours: Int32Array;
  request(row: number): string | null;
  /** Epoch microseconds; null in a row that no log wrote. */
  time(row: number): bigint | null;
  /** What was served; undefined when the feature was not asked for. */
  served(feature: string): (row: number) => Reading | undefined;
  /** Some rows as labels, with keys, inputs and `served_at`, moved to an earlier time where that is given. */
  labels(rows: Int32Array, lagMs?: (row: number) => number): TableSource;
}

/** @throws COLUMN_MISSING, COLUMN_TYPE_MISMATCH, TIMESTAMP_NAIVE */
export async function readServed(
  definition: LogDefinition,
  from: Labels,
  { signal, timezone }: { readonly signal?: AbortSignal | undefined; readonly timezone?: "UTC" | undefined },
): Promise<ServedTable> {
  const source = labelSource(from, timezone);
  const { names, views, onDemand } = definition.selection;
  const selected: readonly View[] = [...views, ...onDemand].map(({ view }) => view);
  const columns = [
    ...Object.values(logColumns),
    ...definition.given.map(({ name }) => name),
    ...names.flatMap((name) => [name, statusColumn(name), ageColumn(name)]),
  ];
  const batches = await collect(source.scan({ columns, ...(signal && { signal }) }));
  const reader = (column: string, type: ValueType): Read =>
    columnReader(readColumn(batches, column, source.name), type, {
      column,
      table: source.name,
      timezone: source.timezone,
    });
  const rows = batches.reduce((sum, batch) => sum + batch.numRows, 0);
  const hash = rows === 0 ? () => null : reader(logColumns.definition, "string");
  const all = Int32Array.from({ length: rows }, (_, row) => row);
  const time = reader(logColumns.time, "timestamp");
  const request = reader(logColumns.request, "string");
  const given = definition.given.map((column) => ({ ...column, read: reader(column.name, column.type) }));

  return {
    rows,
    ours: all.filter((row) => hash(row) === definition.hash),
    request: (row) => request(row) as string | null,
    time: (row) => time(row) as bigint | null,
    served(feature) {
      const value = reader(feature, featureType(selected, feature));
      const status = reader(statusColumn(feature), "string");
      const age = reader(ageColumn(feature), "float64");
      return (row) => {
        const found = status(row);
        return found === null ? undefined : ({ status: found, value: value(row), ageMs: age(row) } as Reading);
      };
    },
    labels(chosen, lagMs = () => 0) {
      const label = (name: string, type: ValueType, read: Read): FeatureColumn => {
        const column = new FeatureColumn(name, type, chosen.length);
        chosen.forEach((row, i) => {
          const cell = read(row);
          if (cell !== null) column.set(i, cell);
        });
        return column;
      };
      const moved: Read = (row) => {
        const served = time(row) as bigint | null;
        return served === null ? null : served - BigInt(Math.round(lagMs(row) * 1000));
      };
      const made = given.map(({ name, type, read }) => label(name, type, read));
      const batch = toBatch([label(logColumns.time, "timestamp", moved), ...made], chosen.length);
      return fromBatches(source.name, [batch]);
    },
  };
}
