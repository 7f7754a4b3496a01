import { isAshlarError } from "@ashlar/core";
import type { RecordBatch } from "apache-arrow";
import { featureStoreError } from "../errors.ts";
import { readColumn } from "../offline/arrow-columns.ts";
import type { ColumnData } from "../offline/column-data.ts";
import { type Batches, batchesOf, type ScanOptions } from "./batches.ts";
import { Frequent } from "./frequent.ts";
import { HyperLogLog } from "../sketch/hyperloglog.ts";
import { Moments } from "./moments.ts";
import { quantileOf } from "./quantile.ts";
import { Reservoir } from "./reservoir.ts";
import { assertWhole } from "./whole.ts";

export interface ProfileOptions extends ScanOptions {
  /** The columns to profile; default all. */
  readonly columns?: readonly string[];
  /** Values kept per column for quantiles and histograms; default 65,536. Up to as many they are exact. */
  readonly sample?: number;
  /** Default 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99. */
  readonly quantiles?: readonly number[];
  /** Bins of the histograms; default 20. */
  readonly bins?: number;
  /** How many of the most frequent values; default 10. */
  readonly top?: number;
}

export interface Profile {
  readonly rows: number;
  readonly columns: Readonly<Record<string, ColumnProfile>>;
}

/** One column. `other` is of a type no feature can hold: only its rows and nulls are counted. */
export type ColumnProfile = NumericProfile | CategoryProfile | (Counts & { readonly kind: "other" });

interface Counts {
  readonly count: number;
  readonly nulls: number;
}

/** Numbers, and times as epoch microseconds. Integers beyond 2^53 count as the nearest double. */
export interface NumericProfile extends Counts {
  readonly kind: "number" | "time";
  /** Different values, to a standard error of 0.8 %. */
  readonly distinct: number;
  /** Values that are NaN or infinite: in nothing below. */
  readonly notFinite: number;
  readonly min: number | null;
  readonly max: number | null;
  readonly mean: number | null;
  /** Of the population. */
  readonly stddev: number | null;
  /** By q. Beyond the sample size their rank is off by at most 0.7 % with 99 % certainty, at the default size. */
  readonly quantiles: Readonly<Record<string, number | null>>;
  /** Bins of equal width between the least and the greatest of the sample: one edge more than shares. */
  readonly histogram: { readonly edges: readonly number[]; readonly shares: readonly number[] };
  /** False when quantiles and histogram are of a sample. */
  readonly exact: boolean;
}

export interface CategoryProfile extends Counts {
  readonly kind: "string" | "boolean";
  readonly distinct: number;
  /** The most frequent first. */
  readonly top: readonly { readonly value: string | boolean; readonly count: number }[];
  /** By how much a count of `top` may be short; 0 up to 4,096 different values. */
  readonly topError: number;
}

/**
 * Statistics of every column in one pass, with memory that does not grow with the rows: about 600 KiB a numeric column.
 *
 * @throws COLUMN_MISSING; REQUEST_INVALID for an option out of range
 */
export async function profile(from: Batches, options: ProfileOptions = {}): Promise<Profile> {
  assertOptions(options);
  const columns = new Map<string, Collector>();
  let rows = 0;
  for await (const batch of batchesOf(from, options)) {
    rows += batch.numRows;
    const names = options.columns ?? batch.schema.fields.map(({ name }) => name);
    for (const name of names) {
      const data = dataOf(batch, name);
      const collector = columns.get(name) ?? collectorFor(data, options);
      columns.set(name, collector);
      collector.add(data, batch, name);
    }
  }
  return { rows, columns: Object.fromEntries([...columns].map(([name, collector]) => [name, collector.profile()])) };
}

function assertOptions({ sample, bins, top, quantiles = [] }: ProfileOptions): void {
  for (const [name, value] of Object.entries({ sample, bins, top })) if (value !== undefined) assertWhole(name, value);
  const wrong = quantiles.find((q) => !(q >= 0 && q <= 1));
  if (wrong === undefined) return;
  throw featureStoreError("REQUEST_INVALID", { rule: `"quantiles" has ${wrong}, and each must be from 0 to 1` });
}

function dataOf(batch: RecordBatch, name: string): ColumnData | undefined {
  try {
    const data = readColumn([batch], name, "the batch");
    return data.kind === "vector" ? undefined : data;
  } catch (error) {
    if (isAshlarError(error) && error.code === "COLUMN_TYPE_MISMATCH") return undefined;
    throw error;
  }
}

interface Collector {
  add(data: ColumnData | undefined, batch: RecordBatch, name: string): void;
  profile(): ColumnProfile;
}

function collectorFor(data: ColumnData | undefined, options: ProfileOptions): Collector {
  if (data === undefined) return new OtherCollector();
  if (data.kind === "string" || data.kind === "boolean") return new CategoryCollector(data.kind, options.top ?? 10);
  return new NumericCollector(data.kind === "time" ? "time" : "number", options);
}

class OtherCollector implements Collector {
  #count = 0;
  #nulls = 0;

  add(_: ColumnData | undefined, batch: RecordBatch, name: string): void {
    this.#count += batch.numRows;
    this.#nulls += batch.getChild(name)?.nullCount ?? 0;
  }

  profile(): ColumnProfile {
    return { kind: "other", count: this.#count, nulls: this.#nulls };
  }
}

class NumericCollector implements Collector {
  readonly #kind: "number" | "time";
  readonly #options: ProfileOptions;
  readonly #moments = new Moments();
  readonly #distinct = new HyperLogLog();
  readonly #sample: Reservoir;
  #count = 0;
  #nulls = 0;

  constructor(kind: "number" | "time", options: ProfileOptions) {
    this.#kind = kind;
    this.#options = options;
    this.#sample = new Reservoir(options.sample ?? 65_536);
  }

  add(data: ColumnData | undefined): void {
    if (data === undefined) return;
    this.#count += data.values.length;
    for (let row = 0; row < data.values.length; row++) {
      if (data.valid?.[row] === 0) {
        this.#nulls++;
        continue;
      }
      const value = Number(data.values[row]);
      this.#moments.add(value);
      this.#distinct.addNumber(value);
      if (Number.isFinite(value)) this.#sample.add(value);
    }
  }

  profile(): NumericProfile {
    const { count, min, max, mean, stddev, notFinite } = this.#moments;
    const { quantiles = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99], bins = 20 } = this.#options;
    const sorted = this.#sample.sorted();
    const at = (q: number): number | null => (count === 0 ? null : quantileOf(sorted, q));
    return {
      kind: this.#kind,
      count: this.#count,
      nulls: this.#nulls,
      distinct: this.#distinct.estimate,
      notFinite,
      min: count === 0 ? null : min,
      max: count === 0 ? null : max,
      mean,
      stddev,
      quantiles: Object.fromEntries(quantiles.map((q) => [String(q), at(q)])),
      histogram: histogramOf(sorted, bins),
      exact: this.#sample.complete,
    };
  }
}

class CategoryCollector implements Collector {
  readonly #kind: "string" | "boolean";
  readonly #top: number;
  readonly #distinct = new HyperLogLog();
  readonly #frequent = new Frequent<string | boolean>(4096);
  #count = 0;
  #nulls = 0;

  constructor(kind: "string" | "boolean", top: number) {
    this.#kind = kind;
    this.#top = top;
  }

  add(data: ColumnData | undefined): void {
    if (data === undefined) return;
    this.#count += data.values.length;
    for (const [value, times] of categoryCounts(data)) {
      if (value === null) {
        this.#nulls += times;
        continue;
      }
      this.#distinct.addText(String(value));
      this.#frequent.add(value, times);
    }
  }

  profile(): CategoryProfile {
    return {
      kind: this.#kind,
      count: this.#count,
      nulls: this.#nulls,
      distinct: this.#distinct.estimate,
      top: this.#frequent.top(this.#top),
      topError: this.#frequent.error,
    };
  }
}

/** How often each string or boolean stands in a column. */
export function categoryCounts(data: ColumnData): Map<string | boolean | null, number> {
  const counts = new Map<string | boolean | null, number>();
  for (let row = 0; row < data.values.length; row++) {
    const code = Number(data.values[row]);
    const value = data.valid?.[row] === 0 ? null : data.kind === "string" ? (data.dictionary[code] ?? "") : code === 1;
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return counts;
}

function histogramOf(sorted: Float64Array, bins: number): NumericProfile["histogram"] {
  const low = sorted[0];
  const high = sorted.at(-1);
  if (low === undefined || high === undefined) return { edges: [], shares: [] };
  if (low === high) return { edges: [low, high], shares: [1] };
  // Where the range is no double, or many times it is none, everything is taken times a power of two, which loses nothing of it.
  const scale = high / 2 - low / 2 > 2 ** 900 ? 2 ** -600 : 1;
  const from = low * scale;
  const range = high * scale - from;
  const between = Array.from({ length: bins - 1 }, (_, i) => (from + (range * (i + 1)) / bins) / scale);
  const edges = [low, ...between, high];
  const counts = new Float64Array(bins);
  for (const value of sorted) {
    const bin = Math.min(bins - 1, Math.floor(((value * scale - from) / range) * bins));
    counts[bin] = (counts[bin] as number) + 1;
  }
  return { edges, shares: Array.from(counts, (counted) => counted / sorted.length) };
}
