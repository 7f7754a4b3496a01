import { HyperLogLog } from "../sketch/hyperloglog.ts";
import { QuantileSketch } from "../sketch/quantile-sketch.ts";

/** One row of a source as the oracle sees it: times in microseconds, null where absent. */
export interface OracleRow {
  readonly key: readonly (string | null)[];
  readonly event: number | null;
  readonly known: number | null;
  readonly value: number | null;
}

export interface OracleLabel {
  readonly key: readonly (string | null)[];
  readonly time: number;
}

export interface OracleOptions {
  readonly ttl: number;
  readonly width: number;
  /** The tail of the window moves in whole hops since 1970; default none. */
  readonly hop?: number;
  readonly knownAt: boolean;
  readonly strict: boolean;
}

export interface OracleAnswer {
  readonly last: number | null;
  /** Of rows in the window; null when no row of the key can be seen at all. */
  readonly count: number | null;
  readonly sum: number | null;
  readonly mean: number | null;
  readonly share: number | null;
  readonly stddev: number | null;
  readonly least: number | null;
  readonly greatest: number | null;
  readonly first: number | null;
  readonly lastInWindow: number | null;
  readonly distinct: number | null;
  /** The estimates of a HyperLogLog and of a sketch of quantiles, at nine tenths, that had the values of the window. */
  readonly about: number | null;
  readonly near: number | null;
  /** At a half and at nine tenths, by linear interpolation. */
  readonly median: number | null;
  readonly ninth: number | null;
  /** The last value that is not null and no older than the ttl. */
  readonly lastNonNull: number | null;
}

/** The join by its definition, row by row: slow, and independent of every engine. The share is of values above 2. */
export function oracle(rows: readonly OracleRow[], label: OracleLabel, options: OracleOptions): OracleAnswer {
  let last: Seen | undefined;
  let lastNonNull: Seen | undefined;
  let lastInWindow: Seen | undefined;
  let first: Seen | undefined;
  const inWindow: OracleRow[] = [];
  for (const row of rows) {
    const { event } = row;
    if (event === null || row.key.some((part, i) => part === null || part !== label.key[i])) continue;
    if (options.strict ? event >= label.time : event > label.time) continue;
    if (options.knownAt && (row.known === null || row.known > label.time)) continue;
    const seen = { ...row, event };
    if (isLater(seen, last)) last = seen;
    if (row.value !== null && isLater(seen, lastNonNull)) lastNonNull = seen;
    if (event < firstMoment(label.time, options)) continue;
    inWindow.push(row);
    if (row.value !== null && isLater(seen, lastInWindow)) lastInWindow = seen;
    if (row.value !== null && (first === undefined || !isLater(seen, first))) first = seen;
  }
  const values = inWindow.map(({ value }) => value).filter((value) => value !== null);
  const sum = values.reduce((total, value) => total + value, 0);
  const mean = values.length === 0 ? null : sum / values.length;
  const deviations = values.map((value) => (value - (mean ?? 0)) ** 2).reduce((total, each) => total + each, 0);
  const young = (row: Seen | undefined): number | null =>
    row !== undefined && row.event >= label.time - options.ttl ? row.value : null;
  const sorted = [...values].sort((a, b) => a - b);
  return {
    last: young(last),
    count: last === undefined ? null : inWindow.length,
    sum: values.length === 0 ? null : sum,
    mean,
    share: values.length === 0 ? null : values.filter((value) => value > 2).length / values.length,
    stddev: values.length === 0 ? null : Math.sqrt(deviations / values.length),
    least: sorted[0] ?? null,
    greatest: sorted.at(-1) ?? null,
    first: first?.value ?? null,
    lastInWindow: lastInWindow?.value ?? null,
    distinct: last === undefined ? null : new Set(values).size,
    about: last === undefined ? null : sketched(new HyperLogLog(12), values, "addNumber").estimate,
    near: values.length === 0 ? null : sketched(new QuantileSketch(6), values, "add").quantile(0.9),
    median: interpolated(sorted, 0.5),
    ninth: interpolated(sorted, 0.9),
    lastNonNull: young(lastNonNull),
  };
}

function firstMoment(time: number, { width, hop }: OracleOptions): number {
  const first = time - width + 1;
  return hop === undefined ? first : Math.floor(first / hop) * hop;
}

type Seen = OracleRow & { readonly event: number };

/** Rows are asked about in order of ingestion, so an equal row is later. */
function isLater(row: Seen, than: Seen | undefined): boolean {
  if (than === undefined || row.event !== than.event) return than === undefined || row.event > than.event;
  return (row.known ?? Infinity) >= (than.known ?? Infinity);
}

function sketched<Name extends string, Sketch extends Readonly<Record<Name, (value: number) => void>>>(
  sketch: Sketch,
  values: readonly number[],
  add: Name,
): Sketch {
  for (const value of values) sketch[add](value);
  return sketch;
}

function interpolated(sorted: readonly number[], q: number): number | null {
  if (sorted.length === 0) return null;
  const at = q * (sorted.length - 1);
  const low = sorted[Math.floor(at)] as number;
  const high = sorted[Math.ceil(at)] as number;
  return low + (high - low) * (at - Math.floor(at));
}
