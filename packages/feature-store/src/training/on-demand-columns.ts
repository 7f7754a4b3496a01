import type { OnDemandView } from "../define/on-demand.ts";
import type { SelectedView } from "../define/selection.ts";
import type { Value } from "../define/value-type.ts";
import { featureStoreError } from "../errors.ts";
import { columnReader } from "../offline/column-reader.ts";
import { FeatureColumn, type OutputOptions } from "../offline/feature-column.ts";
import type { LabelPart } from "../offline/port.ts";

export interface OnDemandOptions {
  readonly time: string;
  /** Input name to label column, for inputs named otherwise there. */
  readonly inputs: Readonly<Record<string, string>>;
  readonly timezone: "UTC" | undefined;
  readonly output: OutputOptions;
  readonly table: string;
}

/** The features of an on-demand view for each label. @throws COLUMN_MISSING, COLUMN_TYPE_MISMATCH, ON_DEMAND_FAILED */
export async function onDemandColumns(
  { view, features }: SelectedView<OnDemandView>,
  labels: LabelPart,
  options: OnDemandOptions,
): Promise<FeatureColumn[]> {
  const { inputs, timezone, output, table } = options;
  const readers = await Promise.all(
    Object.entries(view.input).map(async ([name, type]) => {
      const column = inputs[name] ?? (labels.columnNames.includes(name) || name !== "at" ? name : options.time);
      if (!labels.columnNames.includes(column)) {
        throw featureStoreError("COLUMN_MISSING", { column, table, columns: labels.columnNames });
      }
      const read = columnReader(await labels.column(column), type, { column, table, timezone });
      return { name, read };
    }),
  );
  const columns = features.map(
    (name) => new FeatureColumn(`${view.name}:${name}`, view.output[name] ?? "float64", labels.rows, output),
  );
  for (let row = 0; row < labels.rows; row++) {
    const input: Record<string, Value> = {};
    let complete = true;
    for (const { name, read } of readers) {
      const value = read(row);
      if (value === null) complete = false;
      else input[name] = value;
    }
    if (!complete) continue;
    const result = view.apply(input);
    features.forEach((name, i) => {
      const value = result[name] ?? null;
      if (value !== null) columns[i]?.set(row, value);
    });
  }
  return columns;
}
