import type { FeatureView } from "../define/feature-view.ts";
import { timelineColumns } from "./join.ts";
import type { KeyDictionary } from "./key-dictionary.ts";
import type { Keepable } from "./kept-timelines.ts";
import { type LastSeen, lastSeen } from "./last-seen.ts";
import type { TimelineOptions } from "./port.ts";
import type { Timeline } from "./timeline.ts";
import { type Visibility, visibility, type VisibilityOptions } from "./visibility.ts";

/** A timeline with the dictionary its keys are looked up in, and what is found out about it once. */
export class IndexedTimeline implements Keepable {
  readonly dictionary: KeyDictionary;
  readonly timeline: Timeline;
  readonly #lastSeen = new Map<string, LastSeen>();
  readonly #visibility = new Map<string, Visibility>();

  constructor(dictionary: KeyDictionary, timeline: Timeline) {
    this.dictionary = dictionary;
    this.timeline = timeline;
  }

  lastSeen({ knownAt, strict }: VisibilityOptions): LastSeen {
    const id = `${knownAt} ${strict}`;
    const kept = this.#lastSeen.get(id) ?? lastSeen(this.timeline, { knownAt, strict });
    this.#lastSeen.set(id, kept);
    return kept;
  }

  visibility({ knownAt, strict }: VisibilityOptions): Visibility {
    const id = `${knownAt} ${strict}`;
    const kept = this.#visibility.get(id) ?? visibility(this.timeline, { knownAt, strict });
    this.#visibility.set(id, kept);
    return kept;
  }

  get bytes(): number {
    const { event, source, columns, starts } = this.timeline;
    let bytes = starts.byteLength + source.byteLength + event.byteLength * (this.timeline.known === undefined ? 1 : 2);
    for (const { kind, values, valid } of columns.values()) {
      bytes += (kind === "vector" ? vectorBytes(values) : values.byteLength) + (valid?.byteLength ?? 0);
    }
    for (const { enter, row } of this.#lastSeen.values()) bytes += enter.byteLength + row.byteLength;
    for (const { enter, order } of this.#visibility.values())
      bytes += order.byteLength + (enter === event ? 0 : enter.byteLength);
    return bytes;
  }
}

const vectorBytes = (values: readonly Float32Array[]): number =>
  values.reduce((sum, value) => sum + value.byteLength, 0);

/** What tells the timelines of one source apart. */
export function timelineOf(view: FeatureView, options: TimelineOptions): unknown {
  const { keys, eventTime, knownAt } = view;
  const columns = keys.map(({ column, type }) => [column, type]);
  return [columns, eventTime, knownAt ?? null, timelineColumns(view, options)];
}
