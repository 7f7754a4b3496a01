import { DataType, type Field } from "apache-arrow";
import { featureStoreError } from "../errors.ts";
import type { Batches } from "./batches.ts";
import { type Distribution, distributions } from "./distribution.ts";
import { type DriftOptions, driftOf, type DriftReport, settings } from "./drift.ts";

/** Two of the sets, and how the second differs from the first. */
export interface DriftComparison {
  readonly reference: string;
  readonly current: string;
  readonly report: DriftReport;
}

export interface DriftMatrix {
  readonly drifted: boolean;
  /** Every pair of sets, in the order they were given. */
  readonly comparisons: readonly DriftComparison[];
}

/**
 * Compares several sets of rows with each other, each read once: `driftBetween({ training, offline, served })`. By default the
 * columns are the features that the first set has: columns named `view:feature`.
 *
 * @throws REQUEST_INVALID for fewer than two sets, no column, or a bound out of range; COLUMN_MISSING, COLUMN_TYPE_MISMATCH
 */
export async function driftBetween(
  sets: Readonly<Record<string, Batches>>,
  options: DriftOptions = {},
): Promise<DriftMatrix> {
  const { bounds, sample } = settings(options);
  const [first, ...rest] = Object.entries(sets);
  if (first === undefined || rest.length === 0) {
    throw featureStoreError("REQUEST_INVALID", { rule: "drift is between at least two sets of rows" });
  }
  const found: [string, ReadonlyMap<string, Distribution>][] = [];
  const reference = await distributions(first[1], options.columns ?? features, sample, options);
  if (reference.size === 0) {
    const rule = `"${first[0]}" has no row, or no column named "view:feature"; name the "columns" to compare`;
    throw featureStoreError("REQUEST_INVALID", { rule });
  }
  found.push([first[0], reference]);
  for (const [name, rows] of rest) {
    found.push([name, await distributions(rows, [...reference.keys()], sample, options)]);
  }
  const comparisons = found.flatMap(([name, before], i) =>
    found
      .slice(i + 1)
      .map(([current, after]) => ({ reference: name, current, report: driftOf(before, after, bounds) })),
  );
  return { drifted: comparisons.some(({ report }) => report.drifted), comparisons };
}

/** Those of a training set or a log but for vectors; beside a feature a log has its status and age. */
const features = (fields: readonly Field[]): string[] =>
  fields
    .filter(({ type }) => !DataType.isList(type) && !DataType.isFixedSizeList(type))
    .map(({ name }) => name)
    .filter((name) => name.includes(":") && !/@(status|age_ms)$/.test(name));
