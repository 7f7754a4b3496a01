import { sortByTime } from "./sort-rows.ts";
import { groupByKey, ordinals, type Timeline } from "./timeline.ts";

/** From when each row of a timeline can be seen. */
export interface Visibility {
  /** A row is seen at `t` from `t >= enter`: both its event and its being known lie no later. Infinity: never. */
  readonly enter: Float64Array;
  /** Rows of each key in order of `enter`, ties in the timeline's own order. */
  readonly order: Uint32Array;
}

export interface VisibilityOptions {
  /** Cut off at what was known; needs a timeline with `known`. */
  readonly knownAt: boolean;
  /** An event at exactly the label's time is not seen. */
  readonly strict: boolean;
}

/** From when each row of a timeline can be seen: {@link Visibility.enter}. */
export function entering(timeline: Timeline, { knownAt, strict }: VisibilityOptions): Float64Array {
  const { event } = timeline;
  const known = knownAt ? timeline.known : undefined;
  // Times are whole microseconds, so `event < t` is `event + 1 <= t`.
  const shift = strict ? 1 : 0;
  if (known === undefined && shift === 0) return event;
  const enter = new Float64Array(event.length);
  for (let row = 0; row < enter.length; row++) {
    const happened = (event[row] as number) + shift;
    const told = known?.[row] ?? happened;
    enter[row] = told > happened ? told : happened;
  }
  return enter;
}

export function visibility(timeline: Timeline, options: VisibilityOptions): Visibility {
  const enter = entering(timeline, options);
  const order = ordinals(enter.length);
  if (!options.knownAt || timeline.known === undefined) return { enter, order };
  const sorted = sortByTime(order, enter);
  return { enter, order: sorted === order ? order : groupByKey(keysOfRows(timeline), timeline.keys.size, sorted).rows };
}

/** When the first row of a key can be seen; Infinity when none ever can. */
export function seenSince({ starts }: Timeline, { enter, order }: Visibility, key: number): number {
  const start = starts[key] as number;
  return start === starts[key + 1] ? Infinity : (enter[order[start] as number] as number);
}

/** The code of the key of each row of a timeline. */
export function keysOfRows({ starts, event }: Timeline): Int32Array {
  const keys = new Int32Array(event.length);
  for (let key = 0; key + 1 < starts.length; key++) keys.fill(key, starts[key], starts[key + 1]);
  return keys;
}
