import { sameValue, type Value } from "../define/value-type.ts";
import { featureStoreError } from "../errors.ts";
import type { FeatureColumn } from "../offline/feature-column.ts";
import { type OfflineEngine, withLabels } from "../offline/port.ts";
import type { Reading } from "../serve/read.ts";
import { type SelectedView, type View } from "../define/selection.ts";
import { onDemandColumns } from "../training/on-demand-columns.ts";
import type { TableSource } from "../source/table-source.ts";
import type { Labels } from "../training/label-source.ts";
import { type LogDefinition, logColumns } from "./definition.ts";
import { readServed, type ServedTable } from "./served-table.ts";

/**
 * Why a served value is not the one that history gives for the moment of the read.
 *
 * - `missing`: nothing, or null, was served, and history has a value
 * - `expired`: it was past its ttl, and history has a value that is not: the online store was behind
 * - `stale`: it is what history gives for the moment up to which the view was materialised: the online store was behind
 * - `unexpected`: a value was served, and history has none
 * - `differs`: both have a value, another one
 * - `onDemand`: the on-demand function gave something else for the same input
 */
export type SkewCause = "missing" | "expired" | "stale" | "unexpected" | "differs" | "onDemand";

export interface SkewOptions {
  /** The table of the log, or the part of it to look at. All its rows are held in memory. */
  readonly served: Labels;
  /** Floats count as the same when they differ by no more than this share of themselves. @default 1e-9 */
  readonly tolerance?: number;
  /** State `"UTC"` when the log's timestamps came back without a zone. */
  readonly timezone?: "UTC";
  readonly signal?: AbortSignal;
}

/** How one feature was served. */
export interface FeatureSkew {
  readonly feature: string;
  readonly compared: number;
  /** The same to the bit. */
  readonly exact: number;
  /** Floats within the tolerance. */
  readonly rounded: number;
  readonly different: number;
  readonly causes: Readonly<Record<SkewCause, number>>;
}

/** One value that was served otherwise than history has it. */
export interface SkewDifference {
  readonly request: string | null;
  /** Epoch microseconds. */
  readonly at: bigint | null;
  readonly feature: string;
  readonly cause: SkewCause;
  readonly status: Reading["status"];
  readonly served: Value | null;
  readonly offline: Value | null;
}

/** What was served beside what training would see: value by value, at the moment of each read. */
export interface SkewReport {
  /** Rows of the log that were compared. */
  readonly rows: number;
  /** Rows of other definitions, or of none: a log by a newer version of a view, for one. */
  readonly ignored: number;
  readonly compared: number;
  readonly different: number;
  readonly causes: Readonly<Record<SkewCause, number>>;
  /** The most different first. */
  readonly features: readonly FeatureSkew[];
  /** The first twenty. */
  readonly differences: readonly SkewDifference[];
}

const mostDifferences = 20;
const noCauses = { missing: 0, expired: 0, stale: 0, unexpected: 0, differs: 0, onDemand: 0 } as const;

/**
 * Joins the reads of a log to history, each at its own time, and compares. After Chronon's measure of consistency.
 *
 * @throws COLUMN_MISSING, COLUMN_TYPE_MISMATCH, TIMESTAMP_NAIVE, LABEL_TIME_NULL; REQUEST_INVALID for a bad tolerance
 */
export async function measureSkew(
  engine: OfflineEngine,
  definition: LogDefinition,
  options: SkewOptions,
): Promise<SkewReport> {
  const { tolerance = 1e-9, signal, timezone } = options;
  if (!(tolerance >= 0 && tolerance < 1)) {
    throw featureStoreError("REQUEST_INVALID", { rule: `"tolerance" is ${tolerance}, and must be from 0 to below 1` });
  }
  const table = await readServed(definition, options.served, { signal, timezone });
  const tallies = new Map(definition.selection.names.map((name) => [name, newTally(name)]));
  const differences: SkewDifference[] = [];
  const { views, onDemand } = definition.selection;
  for (const each of [...views, ...onDemand] as SelectedView[]) {
    const history = await columnsOf(engine, each, table.labels(table.ours), signal);
    const served = each.features.map((feature) => table.served(`${each.view.name}:${feature}`));
    const behind = await staleness(engine, each, table, { served, history, tolerance, signal });
    history.forEach((column, i) => {
      const tally = tallies.get(column.name) as Tally;
      table.ours.forEach((row, at) => {
        const reading = served[i]?.(row);
        if (reading === undefined) return;
        tally.compared++;
        const offline = column.get(at);
        const same = sameness(reading.value, offline, tolerance);
        if (same !== "different") return void tally[same]++;
        tally.different++;
        const stale = behind(row, i, reading);
        const cause = each.view.kind === "on-demand" ? "onDemand" : causeOf(reading, offline, stale);
        tally.causes[cause]++;
        if (differences.length >= mostDifferences) return;
        const { status, value } = reading;
        differences.push({
          request: table.request(row),
          at: table.time(row),
          feature: column.name,
          cause,
          status,
          served: value,
          offline,
        });
      });
    });
  }
  return summary(table, [...tallies.values()], differences);
}

interface Tally extends FeatureSkew {
  compared: number;
  exact: number;
  rounded: number;
  different: number;
  readonly causes: Record<SkewCause, number>;
}

const newTally = (feature: string): Tally => {
  return { feature, compared: 0, exact: 0, rounded: 0, different: 0, causes: { ...noCauses } };
};

function summary(table: ServedTable, features: readonly Tally[], differences: readonly SkewDifference[]): SkewReport {
  const causes: Record<SkewCause, number> = { ...noCauses };
  for (const tally of features)
    for (const cause of Object.keys(causes) as SkewCause[]) causes[cause] += tally.causes[cause];
  const sum = (of: "compared" | "different"): number => features.reduce((all, tally) => all + tally[of], 0);
  return {
    rows: table.ours.length,
    ignored: table.rows - table.ours.length,
    compared: sum("compared"),
    different: sum("different"),
    causes,
    features: [...features].sort((a, b) => b.different - a.different),
    differences,
  };
}

function causeOf(reading: Reading, offline: Value | null, stale: boolean): SkewCause {
  if (reading.status === "EXPIRED") return "expired";
  if (stale) return "stale";
  if (reading.value === null) return "missing";
  return offline === null ? "unexpected" : "differs";
}

/** The selected features of one view, a value per label. */
async function columnsOf(
  engine: OfflineEngine,
  { view, features }: SelectedView,
  source: TableSource,
  signal: AbortSignal | undefined,
): Promise<readonly FeatureColumn[]> {
  const time = logColumns.time;
  return await withLabels(engine, source, { time, signal }, async (labels) => {
    if (view.kind === "view") {
      return await labels.join({ view, features, knownAt: true, strict: false, onTie: "last", output: {}, signal });
    }
    const context = { time, inputs: {}, timezone: undefined, output: {}, table: source.name } as const;
    return await onDemandColumns({ view, features }, labels, context);
  });
}

/**
 * Whether a value that differs is the one of the moment up to which its view was materialised. That moment is told by the age
 * of a window of the view in the same row: windows are as old as the watermark.
 */
async function staleness(
  engine: OfflineEngine,
  each: SelectedView<View>,
  table: ServedTable,
  found: {
    readonly served: readonly ((row: number) => Reading | undefined)[];
    readonly history: readonly FeatureColumn[];
    readonly tolerance: number;
    readonly signal: AbortSignal | undefined;
  },
): Promise<(row: number, feature: number, reading: Reading) => boolean> {
  const { view, features } = each;
  if (view.kind === "on-demand") return () => false;
  const windows = found.served.filter((_, i) => view.features[features[i] as string]?.kind === "window");
  const lag = (row: number): number => {
    for (const served of windows) {
      const age = served(row)?.ageMs;
      if (age != null) return age;
    }
    return 0;
  };
  const late = table.ours.filter((row, at) => {
    const differs = found.history.some((column, i) => {
      const reading = found.served[i]?.(row);
      return reading !== undefined && sameness(reading.value, column.get(at), found.tolerance) === "different";
    });
    return differs && lag(row) > 0;
  });
  if (late.length === 0) return () => false;
  const earlier = await columnsOf(engine, each, table.labels(late, lag), found.signal);
  const placeOf = new Map([...late].map((row, place) => [row, place]));
  return (row, feature, { value }) => {
    const place = placeOf.get(row);
    const then = place === undefined ? undefined : earlier[feature]?.get(place);
    return then !== undefined && sameness(value, then, found.tolerance) !== "different";
  };
}

function sameness(served: Value | null, offline: Value | null, tolerance: number): "exact" | "rounded" | "different" {
  if (sameValue(served, offline)) return "exact";
  if (typeof served !== "number" || typeof offline !== "number") return "different";
  const close = Math.abs(served - offline) <= tolerance * Math.max(Math.abs(served), Math.abs(offline));
  return close ? "rounded" : "different";
}
