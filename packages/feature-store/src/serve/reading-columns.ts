import type { View } from "../define/selection.ts";
import type { ValueType } from "../define/value-type.ts";
import { FeatureColumn } from "../offline/feature-column.ts";
import type { Reading } from "./read.ts";

/** The column of a feature's status, beside that of its value: PRESENT, NULL, EXPIRED, NOT_FOUND or MISSING_KEY, as text. */
export const statusColumn = (feature: string): string => `${feature}@status`;

/** The column of a feature's age in milliseconds, a float64; null where there is none. */
export const ageColumn = (feature: string): string => `${feature}@age_ms`;

/** The readings of one feature as three columns: its value, `<feature>@status` and `<feature>@age_ms`. */
export function readingColumns(
  name: string,
  type: ValueType,
  readings: readonly (Reading | undefined)[],
): [FeatureColumn, FeatureColumn, FeatureColumn] {
  const value = new FeatureColumn(name, type, readings.length);
  const status = new FeatureColumn(statusColumn(name), "string", readings.length);
  const age = new FeatureColumn(ageColumn(name), "float64", readings.length);
  readings.forEach((reading, row) => {
    if (reading === undefined) return;
    status.set(row, reading.status);
    if (reading.value !== null) value.set(row, reading.value);
    if (reading.ageMs !== null) age.set(row, reading.ageMs);
  });
  return [value, status, age];
}

/** The type of `view:feature`, of a view that has it. */
export function featureType(views: readonly View[], name: string): ValueType {
  const at = name.indexOf(":");
  const view = views.find((each) => each.name === name.slice(0, at));
  const feature = name.slice(at + 1);
  return (view?.kind === "view" ? view.features[feature]?.type : view?.output[feature]) ?? "float64";
}
