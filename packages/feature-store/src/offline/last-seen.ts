import type { Timeline } from "./timeline.ts";
import { entering, type VisibilityOptions } from "./visibility.ts";

/**
 * The rows of a timeline that can be the last one seen, by key: a row that enters no earlier than one after it is never
 * seen last. What is left ascends both in the timeline's order and in the time of entering, so the last one that has entered
 * is found by bisection.
 */
export interface LastSeen {
  /** Entries of key `k` are `[starts[k], starts[k + 1])`. */
  readonly starts: Uint32Array;
  /** From when the row can be seen, epoch microseconds. */
  readonly enter: Float64Array;
  /** Its row of the timeline. */
  readonly row: Uint32Array;
}

export function lastSeen(timeline: Timeline, options: VisibilityOptions): LastSeen {
  const enter = entering(timeline, options);
  const kept = new Uint32Array(enter.length);
  const starts = new Uint32Array(timeline.starts.length);
  let size = 0;
  for (let key = 0; key + 1 < starts.length; key++) {
    starts[key] = size;
    let least = Infinity;
    // From the end: a row counts while it enters before every row after it.
    for (let row = (timeline.starts[key + 1] as number) - 1; row >= (timeline.starts[key] as number); row--) {
      const from = enter[row] as number;
      if (from >= least) continue;
      least = from;
      kept[size++] = row;
    }
    kept.subarray(starts[key], size).reverse();
  }
  starts[starts.length - 1] = size;
  const row = kept.slice(0, size);
  const times = new Float64Array(size);
  for (let i = 0; i < size; i++) times[i] = enter[row[i] as number] as number;
  return { starts, enter: times, row };
}

/**
 * The row of the source that each label sees last, -1 where there is none or where it is older than `ttl` microseconds.
 *
 * @param codes the key of each label in the timeline; negative for none
 * @param time of each label, epoch microseconds
 */
export function latestRows(
  timeline: Timeline,
  { starts, enter, row }: LastSeen,
  { codes, time, ttl }: { readonly codes: Int32Array; readonly time: Float64Array; readonly ttl: number },
): Int32Array {
  const rows = new Int32Array(codes.length);
  const { event, source } = timeline;
  const keys = starts.length - 1;
  for (let label = 0; label < rows.length; label++) {
    rows[label] = -1;
    const code = codes[label] as number;
    if (code < 0 || code >= keys) continue;
    const now = time[label] as number;
    const start = starts[code] as number;
    let low = start;
    let high = starts[code + 1] as number;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((enter[middle] as number) <= now) low = middle + 1;
      else high = middle;
    }
    if (low === start) continue;
    const last = row[low - 1] as number;
    if ((event[last] as number) >= now - ttl) rows[label] = source[last] as number;
  }
  return rows;
}
