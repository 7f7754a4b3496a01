import { leavesAt, type Span } from "../define/hop.ts";
import type { Accumulator } from "./accumulator.ts";
import type { Timeline } from "./timeline.ts";
import type { Visibility } from "./visibility.ts";

/**
 * The exact contents of one sliding window over the rows of one key, while time moves on.
 *
 * A row counts at `t` if and only if it is visible (`enter <= t`) and young enough (`leaves > t`, where `leaves` is
 * `event + width`, or with a hop the last moment of its hop and the width). So it is in for `t` of `[enter, leaves)`, and rows
 * with `leaves <= enter` never get in. Rows enter in order of `enter` and leave in order of event time: two cursors, each row
 * touched twice, however many moments are asked about.
 */
export class WindowSweep {
  readonly #event: Float64Array;
  readonly #enter: Float64Array;
  readonly #order: Uint32Array;
  readonly #span: Span;
  readonly #accumulators: readonly Accumulator[];
  #entering = 0;
  #leaving = 0;
  #end = 0;

  constructor(timeline: Timeline, { enter, order }: Visibility, span: Span, accumulators: readonly Accumulator[]) {
    this.#event = timeline.event;
    this.#enter = enter;
    this.#order = order;
    this.#span = span;
    this.#accumulators = accumulators;
  }

  /** Starts anew, before all time, with the rows `[start, end)` of one key. */
  begin(start: number, end: number): void {
    this.#entering = start;
    this.#leaving = start;
    this.#end = end;
    for (const each of this.#accumulators) each.reset(start, end);
  }

  /** Moves on to `time`, which never goes back. @returns true when a row entered or left */
  advance(time: number): boolean {
    const event = this.#event;
    const enter = this.#enter;
    const order = this.#order;
    const span = this.#span;
    const { width, hop } = span;
    const end = this.#end;
    const accumulators = this.#accumulators;
    let changed = false;
    while (this.#entering < end) {
      const row = order[this.#entering] as number;
      const from = enter[row] as number;
      if (from > time) break;
      this.#entering++;
      const happened = event[row] as number;
      if ((hop === undefined ? happened + width : leavesAt(span, happened)) <= from) continue;
      for (let i = 0; i < accumulators.length; i++) (accumulators[i] as Accumulator).add(row);
      changed = true;
    }
    while (this.#leaving < end) {
      const row = this.#leaving;
      const happened = event[row] as number;
      const until = hop === undefined ? happened + width : leavesAt(span, happened);
      if (until > time) break;
      this.#leaving++;
      if (until <= (enter[row] as number)) continue;
      for (let i = 0; i < accumulators.length; i++) (accumulators[i] as Accumulator).remove(row);
      changed = true;
    }
    return changed;
  }
}
