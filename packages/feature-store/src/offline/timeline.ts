import type { ColumnData } from "./column-data.ts";
import type { KeyPart } from "./key-dictionary.ts";
import { sortByTime } from "./sort-rows.ts";

/**
 * The rows of one source for one view: grouped by key, and within a key in the total order (event, known, ingestion
 * sequence). Rows with a null key or a null event time are not in it.
 */
export interface Timeline {
  readonly keys: TimelineKeys;
  /** Rows of key `k` are `[starts[k], starts[k + 1])`. */
  readonly starts: Uint32Array;
  /** Epoch microseconds. */
  readonly event: Float64Array;
  /** Epoch microseconds; +Infinity where null: never known. Absent when the view has no `knownAt`. */
  readonly known: Float64Array | undefined;
  /** The row of `columns` that each row of the timeline is. */
  readonly source: Uint32Array;
  readonly columns: ReadonlyMap<string, ColumnData>;
  readonly ignored: IgnoredRows;
}

/** The distinct keys of a timeline, by their code. */
export interface TimelineKeys {
  readonly size: number;
  key(code: number): readonly KeyPart[];
}

/** Rows of a source that no join can see, by reason. */
export interface IgnoredRows {
  readonly nullKey: number;
  readonly nullEventTime: number;
  readonly nullKnownAt: number;
}

/**
 * The rows of each key, each in the order that `order` has them: a stable counting sort.
 *
 * @param codes by row; rows with a negative one, or one that is no key, are left out
 */
export function groupByKey(
  codes: Int32Array,
  keyCount: number,
  order: Uint32Array,
): { starts: Uint32Array; rows: Uint32Array } {
  const starts = new Uint32Array(keyCount + 1);
  for (let row = 0; row < codes.length; row++) {
    const code = codes[row] as number;
    if (code >= 0 && code < keyCount) starts[code + 1] = (starts[code + 1] as number) + 1;
  }
  for (let key = 0; key < keyCount; key++) starts[key + 1] = (starts[key + 1] as number) + (starts[key] as number);
  const next = starts.slice();
  const rows = new Uint32Array(starts[keyCount] as number);
  for (let i = 0; i < order.length; i++) {
    const row = order[i] as number;
    const code = codes[row] as number;
    if (code < 0 || code >= keyCount) continue;
    const at = next[code] as number;
    rows[at] = row;
    next[code] = at + 1;
  }
  return { starts, rows };
}

export function buildTimeline(rows: {
  readonly keys: TimelineKeys;
  readonly codes: Int32Array;
  readonly event: Float64Array;
  readonly known: Float64Array | undefined;
  readonly columns: ReadonlyMap<string, ColumnData>;
}): Timeline {
  const { keys, event } = rows;
  const known = rows.known?.map((time) => (Number.isNaN(time) ? Infinity : time));
  const ignored = countIgnored(rows.codes, event, known);
  const codes =
    ignored.nullEventTime === 0 ? rows.codes : rows.codes.map((code, row) => (Number.isNaN(event[row]) ? -1 : code));
  // The last sort counts first: by key, then event, then known, and what is left as it was ingested.
  const ingested = ordinals(codes.length);
  const told = known === undefined ? ingested : sortByTime(ingested, known);
  const { starts, rows: source } = groupByKey(codes, keys.size, sortByTime(told, event));
  return {
    keys,
    starts,
    event: gather(event, source),
    known: known === undefined ? undefined : gather(known, source),
    source,
    columns: rows.columns,
    ignored,
  };
}

function countIgnored(codes: Int32Array, event: Float64Array, known: Float64Array | undefined): IgnoredRows {
  const ignored = { nullKey: 0, nullEventTime: 0, nullKnownAt: 0 };
  for (let row = 0; row < codes.length; row++) {
    if ((codes[row] as number) < 0) ignored.nullKey++;
    else if (Number.isNaN(event[row])) ignored.nullEventTime++;
    else if (known?.[row] === Infinity) ignored.nullKnownAt++;
  }
  return ignored;
}

export function gather(values: Float64Array, rows: Uint32Array): Float64Array {
  const out = new Float64Array(rows.length);
  for (let i = 0; i < rows.length; i++) out[i] = values[rows[i] as number] as number;
  return out;
}

/** `0, 1, 2, ...`. An iterator would box each number on the way. */
export function ordinals(length: number): Uint32Array {
  const all = new Uint32Array(length);
  for (let i = 0; i < length; i++) all[i] = i;
  return all;
}
