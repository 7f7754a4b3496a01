import type { Value } from "../define/value-type.ts";
import type { FeatureView } from "../define/feature-view.ts";
import { mergedBy, type PushSource } from "../define/push-source.ts";
import { inTurn } from "../materialize/in-turn.ts";
import { assertStep, type Materializer, type MaterializeResult, namespaceOf } from "../materialize/materializer.ts";
import type { ColumnData } from "../offline/column-data.ts";
import { ordinals, type Timeline } from "../offline/timeline.ts";
import { sortByTime } from "../offline/sort-rows.ts";
import { entering, keysOfRows } from "../offline/visibility.ts";
import { entityKey } from "../online/entity-key.ts";
import { layoutOf } from "../online/layout.ts";
import type { OnlineStore } from "../online/port.ts";
import { addEvents } from "./add-events.ts";
import { invalidEvent, plainValues, type ReadEvent } from "./events.ts";
import { type EventCell, Instant } from "./instant.ts";
import { tileLayoutOf } from "./push.ts";
import { type HistoryOfTiles, rebuildTiles, StaleTiles } from "./rebuild.ts";
import { spanOf } from "./tile-ring.ts";

const rowsPerWrite = 2_000;
const tilesPerWrite = 200;
/** Nothing is merged but what is made anew: events that were pushed may be in no table yet. */
const never = { by: -Infinity, now: -Infinity };

export interface SeederOptions {
  /** Epoch milliseconds up to which the online store holds the view already; -Infinity for nothing. */
  readonly from: number;
  readonly limit: number;
  /** When the timeline was read, no later: epoch milliseconds. */
  readonly readAt: number;
  readonly now: () => number;
}

/**
 * Brings the rows of a pushed view's source into its tiles, as if they had been pushed: a row that was pushed already
 * counts once, by its id. Rows older than every window at `until` only settle the plain features. Of rows so old that events
 * are merged, the partial results of their tile are made anew from all history has: where ids are kept no more, it decides.
 *
 * @param timeline with the column of ids
 */
export function createSeeder(
  view: FeatureView & { readonly push: PushSource },
  timeline: Timeline,
  online: OnlineStore,
  { from, limit, readAt, now }: SeederOptions,
): Materializer {
  const enter = entering(timeline, { knownAt: true, strict: false });
  const order = sortByTime(ordinals(enter.length), enter);
  const keyOfRow = keysOfRows(timeline);
  const entities = Array.from({ length: timeline.keys.size }, (_, key) => entityKey(timeline.keys.key(key)));
  const latest = new Int32Array(timeline.keys.size).fill(-1);
  const tiles = tileLayoutOf(view);
  const read = rowReader(view, timeline, tiles.columns);
  const plain = plainValues(view, timeline.columns);
  const history: HistoryOfTiles = { view, layout: tiles, timeline, enter, entities, readAt, now, read };
  // Of a step that is cut short they are still to be made anew.
  const stale = new StaleTiles();
  let reached = from;
  let next = 0;
  for (; next < order.length && (enter[order[next] as number] as number) <= from * 1000; next++) settle(next);

  function settle(at: number): number {
    const row = order[at] as number;
    const key = keyOfRow[row] as number;
    if (row > (latest[key] as number)) latest[key] = row;
    return key;
  }

  /** First of all: the less time has passed since history was read, the less was merged that it lacks. */
  async function rebuildStale(by: number, signal: AbortSignal | undefined): Promise<void> {
    for (const part of stale.parts(tilesPerWrite)) {
      signal?.throwIfAborted();
      await rebuildTiles(history, online, part, { by, signal });
    }
    stale.clear();
  }

  function findStale(until: number, oldest: number, by: number): void {
    for (let at = next; at < order.length; at++) {
      const row = order[at] as number;
      if ((enter[row] as number) > Math.min(by, until * 1000)) return;
      const event = timeline.event[row] as number;
      if (event > oldest) stale.add(keyOfRow[row] as number, spanOf(view.push, event));
    }
  }

  async function step(until: number, signal: AbortSignal | undefined): Promise<MaterializeResult> {
    assertStep(view, until, reached, limit);
    const oldest = until * 1000 - view.push.reach;
    const by = mergedBy(view.push, until);
    const changed = new Set<number>();
    findStale(until, oldest, by);
    await rebuildStale(by, signal);
    while (next < order.length && (enter[order[next] as number] as number) <= until * 1000) {
      signal?.throwIfAborted();
      const events: ReadEvent[] = [];
      const eventOf = new Map<number, ReadEvent>();
      const touched = new Set<number>();
      let at = next;
      for (; at < order.length && at < next + rowsPerWrite; at++) {
        const row = order[at] as number;
        if ((enter[row] as number) > until * 1000) break;
        touched.add(settle(at));
        if ((timeline.event[row] as number) <= oldest || (enter[row] as number) <= by) continue;
        const event = read(row, entities[keyOfRow[row] as number] as Uint8Array);
        eventOf.set(row, event);
        events.push(event);
      }
      const { arrived, merged } = await addEvents(view, tiles, online, events, { ...never, signal });
      for (const [row, event] of eventOf) {
        if (merged.has(event)) stale.add(keyOfRow[row] as number, spanOf(view.push, event.event));
      }
      const arrivedOf = (row: number): number => arrived.get(eventOf.get(row) as ReadEvent) ?? 0;
      const vectors = [...touched].map((key) => ({
        key: entities[key] as Uint8Array,
        vector: vectorOf(latest[key] as number, arrivedOf(latest[key] as number)),
      }));
      await online.write(namespaceOf(view), vectors, { signal });
      // Only now: what is cut short is done again, and has no further effect.
      next = at;
      for (const key of touched) changed.add(key);
    }
    await rebuildStale(by, signal);
    reached = until;
    await online.write(namespaceOf(view), [], { watermark: until, signal });
    return { written: changed.size, watermark: until };
  }

  function vectorOf(row: number, arrived: number): Uint8Array {
    const event = timeline.event[row] as number;
    const known = timeline.known?.[row] ?? event;
    const values: (Value | null)[] = plain(timeline.source[row] as number);
    return layoutOf(view.features).pack(values, { event, known, asOf: arrived });
  }

  return inTurn(step);
}

function rowReader(
  view: FeatureView & { readonly push: PushSource },
  timeline: Timeline,
  columns: readonly string[],
): (row: number, entity: Uint8Array) => ReadEvent {
  const ids = timeline.columns.get(view.push.id) as ColumnData;
  const cells = columns.map((column) => timeline.columns.get(column) as ColumnData);
  return (row, entity) => {
    const from = timeline.source[row] as number;
    const id = cellOf(ids, from);
    if (id === null) throw invalidEvent(view, from, `it has no id in "${view.push.id}"`);
    const event = timeline.event[row] as number;
    const known = timeline.known?.[row] ?? event;
    return { entity, id: String(id), event, known, cells: cells.map((data) => cellOf(data, from)) };
  };
}

function cellOf(data: ColumnData, row: number): EventCell {
  if (data.valid?.[row] === 0) return null;
  if (data.kind === "string") return data.dictionary[data.values[row] as number] as string;
  if (data.kind === "boolean") return data.values[row] === 1;
  if (data.kind === "vector") return data.values[row] as Float32Array;
  if (data.kind === "time") return new Instant(data.values[row] as number);
  if (data.kind === "number" && data.integer) return BigInt(data.values[row] as number);
  return data.values[row] as number | bigint;
}
