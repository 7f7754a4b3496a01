import type { Feature, FeatureView } from "../define/feature-view.ts";
import type { Value } from "../define/value-type.ts";
import { type Aggregation, aggregations } from "../offline/aggregation.ts";
import { bySpan, readerOf } from "../offline/join.ts";
import { WindowSweep } from "../offline/sweep.ts";
import type { Timeline } from "../offline/timeline.ts";
import { visibility } from "../offline/visibility.ts";

interface KeyWindows {
  readonly sweeps: readonly WindowSweep[];
  readonly aggregates: ReadonlyMap<string, Aggregation>;
}

/** How far each key of a timeline has been moved on. Of a key without windows two numbers are kept, and no object. */
export class KeyStates {
  readonly #timeline: Timeline;
  readonly #enter: Float64Array;
  readonly #order: Uint32Array;
  readonly #windows: readonly KeyWindows[] | undefined;
  readonly #readers: ReadonlyMap<string, (row: number) => Value | null>;
  /** The next row of each key to enter, as a place in `order`. */
  readonly #entering: Uint32Array;
  readonly #latest: Int32Array;

  constructor(view: FeatureView, timeline: Timeline) {
    const visible = visibility(timeline, { knownAt: true, strict: false });
    this.#timeline = timeline;
    this.#enter = visible.enter;
    this.#order = visible.order;
    this.#entering = timeline.starts.slice(0, timeline.keys.size);
    this.#latest = new Int32Array(timeline.keys.size).fill(-1);
    this.#readers = plainReaders(view, timeline);
    const spans = bySpan(view, Object.keys(view.features));
    if (spans.length === 0) return;
    const aggregation = aggregations(timeline, view);
    this.#windows = Array.from({ length: timeline.keys.size }, (_, key): KeyWindows => {
      const aggregates = new Map<string, Aggregation>();
      const sweeps = spans.map(({ span, members }) => {
        const own = members.map(({ name, feature }) => {
          const made = aggregation(feature);
          aggregates.set(name, made);
          return made.state;
        });
        const sweep = new WindowSweep(timeline, visible, span, own);
        sweep.begin(timeline.starts[key] as number, timeline.starts[key + 1] as number);
        return sweep;
      });
      return { sweeps, aggregates };
    });
  }

  get size(): number {
    return this.#latest.length;
  }

  /** The last row of a key that is visible, in the timeline's order; -1 while none is. */
  latest(key: number): number {
    return this.#latest[key] as number;
  }

  /** Moves a key on to `time` (epoch microseconds), which never goes back. @returns true when a value may have changed */
  moveOn(key: number, time: number): boolean {
    const end = this.#timeline.starts[key + 1] as number;
    const before = this.#latest[key] as number;
    let latest = before;
    let at = this.#entering[key] as number;
    for (; at < end; at++) {
      const row = this.#order[at] as number;
      if ((this.#enter[row] as number) > time) break;
      if (row > latest) latest = row;
    }
    this.#entering[key] = at;
    this.#latest[key] = latest;
    let changed = latest !== before;
    for (const sweep of this.#windows?.[key]?.sweeps ?? []) changed = sweep.advance(time) || changed;
    return changed;
  }

  /** The value of a feature of a key that has a visible row. */
  value(key: number, feature: string): Value | null {
    const aggregate = this.#windows?.[key]?.aggregates.get(feature);
    if (aggregate !== undefined) return aggregate.value();
    return this.#readers.get(feature)?.(this.#timeline.source[this.latest(key)] as number) ?? null;
  }

  /** When that row happened and became known, epoch microseconds. */
  times(key: number): { readonly event: number; readonly known: number } {
    const row = this.latest(key);
    const event = this.#timeline.event[row] as number;
    return { event, known: this.#timeline.known?.[row] ?? event };
  }
}

function plainReaders(view: FeatureView, timeline: Timeline): Map<string, (row: number) => Value | null> {
  const readers = new Map<string, (row: number) => Value | null>();
  for (const [name, feature] of Object.entries<Feature>(view.features)) {
    if (feature.kind === "column") readers.set(name, readerOf(view, feature, timeline.columns));
  }
  return readers;
}
