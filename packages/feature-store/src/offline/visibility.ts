import { ordinals, sortWithinKeys, type Timeline } from "./timeline.ts";

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

export function visibility(timeline: Timeline, { knownAt, strict }: VisibilityOptions): Visibility {
  const { event, starts } = timeline;
  const known = knownAt ? timeline.known : undefined;
  const enter = new Float64Array(event.length);
  // Times are whole microseconds, so `event < t` is `event + 1 <= t`.
  const shift = strict ? 1 : 0;
  for (let row = 0; row < enter.length; row++) {
    const happened = (event[row] as number) + shift;
    const told = known?.[row] ?? happened;
    enter[row] = told > happened ? told : happened;
  }
  const order = ordinals(enter.length);
  if (known !== undefined) {
    sortWithinKeys(order, starts, (a, b) => {
      const left = enter[a] as number;
      const right = enter[b] as number;
      return left === right ? a - b : left < right ? -1 : 1;
    });
  }
  return { enter, order };
}
