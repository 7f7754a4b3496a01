import type { Feature, FeatureView } from "../define/feature-view.ts";
import type { Value } from "../define/value-type.ts";
import { featureStoreError } from "../errors.ts";
import { type Aggregation, aggregations } from "../offline/aggregation.ts";
import { byWidth, readerOf } from "../offline/join.ts";
import { LatestSweep, WindowSweep } from "../offline/sweep.ts";
import type { Timeline } from "../offline/timeline.ts";
import { type Visibility, visibility } from "../offline/visibility.ts";
import { entityKey } from "../online/entity-key.ts";
import { VectorLayout } from "../online/layout.ts";
import type { OnlineEntry, OnlineStore } from "../online/port.ts";

/** What one step of materialisation did. */
export interface MaterializeResult {
  /** Vectors written: one for each entity that changed. */
  readonly written: number;
  /** Epoch milliseconds up to which the online store now holds the view. */
  readonly watermark: number;
}

/** A view whose timeline is kept in memory, to be moved on in small steps. */
export interface Materializer {
  /**
   * Moves the view on to `until` (epoch milliseconds) and writes the entities that changed since the last step: a row
   * counts in the step `(from, until]` in which it became visible, so steps neither miss nor repeat one. When it rejects,
   * call it again: what was not written is written then.
   *
   * @throws MATERIALIZE_INVALID for a time before the one reached, or after the `until` it was made for
   */
  advance(until: number, options?: { readonly signal?: AbortSignal }): Promise<MaterializeResult>;
}

const entitiesPerWrite = 2_000;

interface KeyState {
  readonly key: Uint8Array;
  readonly latest: LatestSweep;
  readonly windows: readonly WindowSweep[];
  readonly aggregates: ReadonlyMap<string, Aggregation>;
}

/** The online namespace of a view: its name and version, so that two versions serve side by side. */
export const namespaceOf = (view: FeatureView): string => `${view.name}@${view.version.slice(0, 16)}`;

/** @param from epoch milliseconds up to which the online store holds the view already; -Infinity for nothing */
export function createMaterializer(
  view: FeatureView,
  timeline: Timeline,
  online: OnlineStore,
  {
    from,
    limit,
    namespace = namespaceOf(view),
  }: { readonly from: number; readonly limit: number; readonly namespace?: string },
): Materializer {
  const visible = visibility(timeline, { knownAt: true, strict: false });
  const states = keyStates(view, timeline, visible);
  const layout = new VectorLayout(view.features);
  const readers = plainReaders(view, timeline);
  const changed = new Set<KeyState>();
  let reached = from;
  let turn: Promise<unknown> = Promise.resolve();
  if (from > -Infinity) for (const state of states) moveOn(state, from * 1000);

  function entry(state: KeyState, asOf: number): OnlineEntry {
    const { row } = state.latest;
    const event = timeline.event[row] as number;
    const known = timeline.known?.[row] ?? event;
    const values = layout.names.map((name): Value | null => {
      const aggregate = state.aggregates.get(name);
      if (aggregate !== undefined) return aggregate.value();
      return readers.get(name)?.(timeline.source[row] as number) ?? null;
    });
    const vector = layout.pack(values, { event: BigInt(event), known: BigInt(known), asOf: BigInt(asOf) });
    return { key: state.key, vector };
  }

  async function step(until: number, signal: AbortSignal | undefined): Promise<MaterializeResult> {
    assertStep(view, until, reached, limit);
    signal?.throwIfAborted();
    for (const state of states) if (moveOn(state, until * 1000) && state.latest.row >= 0) changed.add(state);
    reached = until;
    const due = [...changed];
    for (let at = 0; at < due.length; at += entitiesPerWrite) {
      const part = due.slice(at, at + entitiesPerWrite);
      await online.write(
        namespace,
        part.map((state) => entry(state, until * 1000)),
        { signal },
      );
      for (const state of part) changed.delete(state);
    }
    // The watermark follows the last vector: a step cut short is done again from the watermark before it.
    await online.write(namespace, [], { watermark: until, signal });
    return { written: due.length, watermark: until };
  }

  return {
    advance(until, options = {}) {
      const result = turn.then(() => step(until, options.signal));
      turn = result.catch(() => undefined);
      return result;
    },
  };
}

/** @throws MATERIALIZE_INVALID */
export function assertStep(view: FeatureView, until: number, reached: number, limit: number): void {
  const invalid = (rule: string): Error =>
    featureStoreError("MATERIALIZE_INVALID", { view: view.name, value: until, rule });
  if (!Number.isSafeInteger(until) || !Number.isSafeInteger(until * 1000))
    throw invalid("it is no whole number of milliseconds");
  if (until < reached) throw invalid(`it was materialised to ${reached} already`);
  if (until > limit) throw invalid(`the materialiser was made to run until ${limit}`);
}

function keyStates(view: FeatureView, timeline: Timeline, visible: Visibility): KeyState[] {
  const aggregation = aggregations(timeline, view);
  const widths = byWidth(view, Object.keys(view.features));
  return Array.from({ length: timeline.keys.size }, (_, key): KeyState => {
    const start = timeline.starts[key] as number;
    const end = timeline.starts[key + 1] as number;
    const aggregates = new Map<string, Aggregation>();
    const windows = [...widths].map(([width, members]) => {
      const own = members.map(({ name, feature }) => {
        const made = aggregation(feature);
        aggregates.set(name, made);
        return made.state;
      });
      const sweep = new WindowSweep(timeline, visible, width, own);
      sweep.begin(start, end);
      return sweep;
    });
    const latest = new LatestSweep(visible);
    latest.begin(start, end);
    return { key: entityKey(timeline.keys.key(key)), latest, windows, aggregates };
  });
}

function moveOn({ latest, windows }: KeyState, time: number): boolean {
  let changed = latest.advance(time);
  for (const window of windows) changed = window.advance(time) || changed;
  return changed;
}

function plainReaders(view: FeatureView, timeline: Timeline): Map<string, (row: number) => Value | null> {
  const readers = new Map<string, (row: number) => Value | null>();
  for (const [name, feature] of Object.entries<Feature>(view.features)) {
    if (feature.kind === "column") readers.set(name, readerOf(view, feature, timeline.columns));
  }
  return readers;
}
