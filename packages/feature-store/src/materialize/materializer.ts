import type { FeatureView } from "../define/feature-view.ts";
import { featureStoreError } from "../errors.ts";
import type { Timeline } from "../offline/timeline.ts";
import { entityKey } from "../online/entity-key.ts";
import { layoutOf } from "../online/layout.ts";
import type { OnlineEntry, OnlineStore } from "../online/port.ts";
import { inTurn } from "./in-turn.ts";
import { KeyStates } from "./key-states.ts";
import { writeEntities } from "./write-entities.ts";

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

/** The online namespace of a view: its name and version, so that two versions serve side by side. */
export const namespaceOf = (view: FeatureView): string => `${view.name}@${view.version.slice(0, 16)}`;

/**
 * @param from epoch milliseconds up to which the online store holds the view already; -Infinity for nothing
 * @param isShare true of a timeline of some of the keys: then the watermark is not moved on
 */
export function createMaterializer(
  view: FeatureView,
  timeline: Timeline,
  online: OnlineStore,
  {
    from,
    limit,
    namespace = namespaceOf(view),
    isShare = false,
  }: { readonly from: number; readonly limit: number; readonly namespace?: string; readonly isShare?: boolean },
): Materializer {
  const states = new KeyStates(view, timeline);
  const layout = layoutOf(view.features);
  /** By key: 1 when it changed and has not been written since. */
  const changed = new Uint8Array(states.size);
  let reached = from;
  if (from > -Infinity) for (let key = 0; key < states.size; key++) states.moveOn(key, from * 1000);

  function entry(key: number, asOf: number): OnlineEntry {
    const values = layout.names.map((name) => states.value(key, name));
    return { key: entityKey(timeline.keys.key(key)), vector: layout.pack(values, { ...states.times(key), asOf }) };
  }

  async function step(until: number, signal: AbortSignal | undefined): Promise<MaterializeResult> {
    assertStep(view, until, reached, limit);
    signal?.throwIfAborted();
    for (let key = 0; key < states.size; key++) {
      if (states.moveOn(key, until * 1000) && states.latest(key) >= 0) changed[key] = 1;
    }
    reached = until;
    const due = keysOf(changed);
    await writeEntities(
      online,
      namespace,
      {
        keys: due,
        entry: (key) => entry(key, until * 1000),
        done: (part) => {
          for (const key of part) changed[key] = 0;
        },
      },
      signal,
    );
    // The watermark follows the last vector: a step cut short is done again from the watermark before it.
    if (!isShare) await online.write(namespace, [], { watermark: until, signal });
    return { written: due.length, watermark: until };
  }

  return inTurn(step);
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

/** The keys that are marked. */
function keysOf(marks: Uint8Array): Uint32Array {
  const keys = new Uint32Array(marks.reduce((sum, mark) => sum + mark, 0));
  let at = 0;
  for (let key = 0; key < marks.length; key++) if (marks[key] === 1) keys[at++] = key;
  return keys;
}
