import type { FeatureView } from "../define/feature-view.ts";
import type { TableSource } from "../source/table-source.ts";
import { timelineColumns } from "./join.ts";
import type { KeyDictionary } from "./key-dictionary.ts";
import { type LastSeen, lastSeen } from "./last-seen.ts";
import type { TimelineOptions } from "./port.ts";
import type { Timeline } from "./timeline.ts";
import type { VisibilityOptions } from "./visibility.ts";

/** A timeline with the dictionary its keys are looked up in. */
export interface KeyedTimeline {
  readonly dictionary: KeyDictionary;
  readonly timeline: Timeline;
}

/** A timeline, and what is found out about it once. */
export class IndexedTimeline implements KeyedTimeline {
  readonly dictionary: KeyDictionary;
  readonly timeline: Timeline;
  readonly #lastSeen = new Map<string, LastSeen>();

  constructor({ dictionary, timeline }: KeyedTimeline) {
    this.dictionary = dictionary;
    this.timeline = timeline;
  }

  lastSeen({ knownAt, strict }: VisibilityOptions): LastSeen {
    const id = `${knownAt} ${strict}`;
    const kept = this.#lastSeen.get(id) ?? lastSeen(this.timeline, { knownAt, strict });
    this.#lastSeen.set(id, kept);
    return kept;
  }

  get bytes(): number {
    const { event, source, columns, starts } = this.timeline;
    let bytes = starts.byteLength + source.byteLength + event.byteLength * (this.timeline.known === undefined ? 1 : 2);
    for (const { kind, values, valid } of columns.values()) {
      bytes += (kind === "vector" ? vectorBytes(values) : values.byteLength) + (valid?.byteLength ?? 0);
    }
    for (const { enter, row } of this.#lastSeen.values()) bytes += enter.byteLength + row.byteLength;
    return bytes;
  }
}

const vectorBytes = (values: readonly Float32Array[]): number =>
  values.reduce((sum, value) => sum + value.byteLength, 0);

/** How a timeline is made, and how it is made of an earlier one and the rows that were appended since. */
export interface TimelineMaker {
  build(): Promise<KeyedTimeline>;
  /** Undefined when it has to be built anew. */
  extend(earlier: KeyedTimeline, fingerprint: string): Promise<KeyedTimeline | undefined>;
}

interface Entry {
  readonly fingerprint: string;
  readonly made: IndexedTimeline;
}

/**
 * Timelines of sources that have a fingerprint, kept for as long as it stays: later joins do not read the source again. The
 * ones that were used longest ago go first when all together are more than `mostBytes`.
 */
export class KeptTimelines {
  readonly #mostBytes: number;
  /** In order of use. */
  readonly #entries = new Map<string, Entry>();
  readonly #turns = new Map<string, Promise<unknown>>();
  readonly #sources = new WeakMap<TableSource, number>();
  #named = 0;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  async get(view: FeatureView, options: TimelineOptions, maker: TimelineMaker): Promise<IndexedTimeline> {
    const fingerprint = this.#mostBytes === 0 ? undefined : await view.source.fingerprint?.();
    if (fingerprint === undefined) return new IndexedTimeline(await maker.build());
    const id = this.#idOf(view, options);
    // Two joins at once do not both make what one can.
    const before = this.#turns.get(id) ?? Promise.resolve();
    const turn = before.then(() => this.#upToDate(id, view.source, fingerprint, maker));
    const settled = turn.then(
      () => undefined,
      () => undefined,
    );
    this.#turns.set(id, settled);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(id) === settled) this.#turns.delete(id);
    }
  }

  async #upToDate(
    id: string,
    source: TableSource,
    fingerprint: string,
    maker: TimelineMaker,
  ): Promise<IndexedTimeline> {
    const kept = this.#entries.get(id);
    if (kept?.fingerprint === fingerprint) return this.#keep(id, kept);
    const extended = kept === undefined ? undefined : await maker.extend(kept.made, kept.fingerprint);
    const made = new IndexedTimeline(extended ?? (await maker.build()));
    // A commit in between: what was read is of neither fingerprint for certain.
    if ((await source.fingerprint?.()) !== fingerprint) {
      this.#entries.delete(id);
      return extended === undefined ? made : new IndexedTimeline(await maker.build());
    }
    return this.#keep(id, { fingerprint, made });
  }

  #keep(id: string, entry: Entry): IndexedTimeline {
    this.#entries.delete(id);
    this.#entries.set(id, entry);
    let bytes = 0;
    for (const { made } of this.#entries.values()) bytes += made.bytes;
    for (const [oldest, { made }] of this.#entries) {
      if (bytes <= this.#mostBytes) break;
      this.#entries.delete(oldest);
      bytes -= made.bytes;
    }
    return entry.made;
  }

  #idOf(view: FeatureView, options: TimelineOptions): string {
    let number = this.#sources.get(view.source);
    if (number === undefined) this.#sources.set(view.source, (number = this.#named++));
    const { keys, eventTime, knownAt } = view;
    const columns = keys.map(({ column, type }) => [column, type]);
    return JSON.stringify([number, columns, eventTime, knownAt ?? null, timelineColumns(view, options)]);
  }
}
