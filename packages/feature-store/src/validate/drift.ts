import { featureStoreError } from "../errors.ts";
import type { Batches, ScanOptions } from "./batches.ts";
import { assertWhole } from "./whole.ts";
import { chiSquare } from "./chi-square.ts";
import { jensenShannon, populationStability } from "./distance.ts";
import {
  type CategoryDistribution,
  type Distribution,
  distributions,
  type NumberDistribution,
} from "./distribution.ts";
import { kolmogorovSmirnov } from "./kolmogorov-smirnov.ts";
import { type Bins, numberBins } from "./number-bins.ts";

export interface DriftOptions extends ScanOptions {
  /** The columns to compare; default all of the reference. Both sides must have them. */
  readonly columns?: readonly string[];
  /** From this population stability index on, a column has drifted. @default 0.2 */
  readonly psi?: number;
  /** From this Jensen-Shannon distance on, a column has drifted. @default 0.3 */
  readonly jensenShannon?: number;
  /** From this rise or fall of the share of nulls on, a column has drifted. @default 0.05 */
  readonly nulls?: number;
  /** Numbers kept per column and side. @default 65_536 */
  readonly sample?: number;
}

/** How one column changed. */
export interface ColumnDrift {
  readonly column: string;
  readonly drifted: boolean;
  /** Why, in words; empty when it has not. */
  readonly reasons: readonly string[];
  /** Over ten bins of the reference's own deciles, or over categories; nulls are a bin of their own. */
  readonly psi: number;
  /** From 0, equal, to 1, disjoint; over the same bins. */
  readonly jensenShannon: number;
  /** Kolmogorov-Smirnov of numbers, Pearson's chi-square of categories; null when a side has no value. */
  readonly test: {
    readonly name: "kolmogorov-smirnov" | "chi-square";
    readonly statistic: number;
    readonly pValue: number;
  } | null;
  /** The share of nulls on each side. */
  readonly nulls: readonly [reference: number, current: number];
}

export interface DriftReport {
  readonly drifted: boolean;
  /** The most drifted first. */
  readonly columns: readonly ColumnDrift[];
}

/**
 * Compares two sets of rows column by column: a training set with what is served, last week with today. Bounds of psi and
 * distance decide, not p-values: of many rows every difference is significant.
 *
 * @throws REQUEST_INVALID for a bound or sample that is no positive number, and for a reference without rows; COLUMN_MISSING,
 *   COLUMN_TYPE_MISMATCH
 */
export async function drift(reference: Batches, current: Batches, options: DriftOptions = {}): Promise<DriftReport> {
  const { bounds, sample } = settings(options);
  const before = await distributions(
    reference,
    options.columns ?? ((all) => all.map(({ name }) => name)),
    sample,
    options,
  );
  if (before.size === 0) throw featureStoreError("REQUEST_INVALID", { rule: "the reference has no row, or no column" });
  const after = await distributions(current, [...before.keys()], sample, options);
  return driftOf(before, after, bounds);
}

/** @throws REQUEST_INVALID for a bound or sample that is no positive number */
export function settings(options: DriftOptions): { readonly bounds: DriftBounds; readonly sample: number } {
  const { psi = 0.2, jensenShannon: distance = 0.3, nulls = 0.05, sample = 65_536 } = options;
  for (const [name, value] of Object.entries({ psi, jensenShannon: distance, nulls, sample })) {
    if (typeof value !== "number" || !(value > 0))
      throw featureStoreError("REQUEST_INVALID", { rule: `"${name}" is ${value}, and must be above 0` });
  }
  assertWhole("sample", sample);
  return { bounds: { psi, jensenShannon: distance, nulls }, sample };
}

/** Compares two sides whose distributions are known. @throws COLUMN_TYPE_MISMATCH */
export function driftOf(
  before: ReadonlyMap<string, Distribution>,
  after: ReadonlyMap<string, Distribution>,
  bounds: DriftBounds,
): DriftReport {
  const columns = [...before].map(([column, distribution]) => {
    const other = after.get(column) ?? without(distribution.kind, { count: 0, nulls: 0 });
    if (isVoid(distribution)) return compared(column, without(other.kind, distribution), other, bounds);
    return compared(column, distribution, isVoid(other) ? without(distribution.kind, other) : other, bounds);
  });
  columns.sort((a, b) => b.psi - a.psi);
  return { drifted: columns.some((column) => column.drifted), columns };
}

/** A column of nulls alone is of any kind: a table of rows may have no type for it. */
const isVoid = ({ count, nulls }: Distribution): boolean => count === nulls;

/** What a side without a value has. */
const without = (kind: Distribution["kind"], { count, nulls }: Pick<Distribution, "count" | "nulls">): Distribution =>
  kind === "number"
    ? { kind, count, nulls, sample: new Float64Array(0) }
    : { kind, count, nulls, counts: new Map<string | boolean, number>() };

export interface DriftBounds {
  readonly psi: number;
  readonly jensenShannon: number;
  readonly nulls: number;
}

function compared(column: string, before: Distribution, after: Distribution, bounds: DriftBounds): ColumnDrift {
  if (before.kind !== after.kind) {
    const [found, wanted] = [after.kind, before.kind].map((kind) => (kind === "number" ? "numbers" : "categories"));
    throw featureStoreError("COLUMN_TYPE_MISMATCH", {
      column,
      table: "the current rows",
      found: found ?? "",
      wanted: wanted ?? "",
    });
  }
  const bins =
    before.kind === "number"
      ? numberBins(before, after as NumberDistribution)
      : categoryBins(before, after as CategoryDistribution);
  const psi = populationStability(...bins);
  const distance = jensenShannon(...bins);
  const nulls = [share(before), share(after)] as const;
  const reasons: string[] = [];
  if (before.count === 0 || after.count === 0) reasons.push("a side has no rows");
  if (psi >= bounds.psi) reasons.push(`its population stability index is ${psi.toFixed(3)}, from ${bounds.psi} on`);
  if (distance >= bounds.jensenShannon) {
    reasons.push(`its Jensen-Shannon distance is ${distance.toFixed(3)}, from ${bounds.jensenShannon} on`);
  }
  if (Math.abs(nulls[0] - nulls[1]) >= bounds.nulls) {
    reasons.push(`its share of nulls went from ${nulls[0].toFixed(3)} to ${nulls[1].toFixed(3)}`);
  }
  const test = before.kind === "number" ? smirnov(before, after as NumberDistribution) : pearson(bins);
  return { column, drifted: reasons.length > 0, reasons, psi, jensenShannon: distance, test, nulls };
}

const share = ({ count, nulls }: Distribution): number => (count === 0 ? 0 : nulls / count);

/** A bin per category that either has, and one of the nulls. */
function categoryBins(before: CategoryDistribution, after: CategoryDistribution): Bins {
  const categories = [...new Set([...before.counts.keys(), ...after.counts.keys()])];
  const counted = ({ counts, nulls }: CategoryDistribution): number[] => [
    ...categories.map((category) => counts.get(category) ?? 0),
    nulls,
  ];
  return [counted(before), counted(after)];
}

function smirnov(before: NumberDistribution, after: NumberDistribution): ColumnDrift["test"] {
  if (before.sample.length === 0 || after.sample.length === 0) return null;
  return { name: "kolmogorov-smirnov", ...kolmogorovSmirnov(before.sample, after.sample) };
}

function pearson([before, after]: Bins): ColumnDrift["test"] {
  const some = (counts: readonly number[]): boolean => counts.some((count) => count > 0);
  if (!some(before) || !some(after)) return null;
  const { statistic, pValue } = chiSquare(before, after);
  return { name: "chi-square", statistic, pValue };
}
