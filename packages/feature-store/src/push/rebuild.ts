import { setTimeout as sleep } from "node:timers/promises";
import type { FeatureView } from "../define/feature-view.ts";
import type { PushSource } from "../define/push-source.ts";
import { featureStoreError } from "../errors.ts";
import type { Timeline } from "../offline/timeline.ts";
import type { OnlineChange, OnlineStore } from "../online/port.ts";
import type { Moment } from "../partial/partial-result.ts";
import { largestTile } from "./add-events.ts";
import type { TileLayout } from "./tile.ts";
import type { TileEvent } from "./tile-event.ts";
import { keepMs, tileKey, tileNamespace } from "./tile-ring.ts";

/** What the partial results of tiles are made of anew. */
export interface HistoryOfTiles {
  readonly view: FeatureView & { readonly push: PushSource };
  readonly layout: TileLayout;
  readonly timeline: Timeline;
  /** From when each row can be seen. */
  readonly enter: Float64Array;
  readonly entities: readonly Uint8Array[];
  /** When they were read, and what time it is: epoch milliseconds. */
  readonly readAt: number;
  readonly now: () => number;
  /** A row as an event. */
  readonly read: (row: number, entity: Uint8Array) => TileEvent;
}

export interface StaleTile {
  /** The code of the entity in the timeline. */
  readonly code: number;
  readonly span: number;
}

/** Tiles to be made anew, each once. */
export class StaleTiles {
  readonly #spans = new Map<number, Set<number>>();

  add(code: number, span: number): void {
    const spans = this.#spans.get(code) ?? new Set<number>();
    spans.add(span);
    this.#spans.set(code, spans);
  }

  clear(): void {
    this.#spans.clear();
  }

  /** In the order of spans, so that of two in one place of the ring the later comes to stay. */
  *parts(size: number): Iterable<StaleTile[]> {
    const all: StaleTile[] = [];
    for (const [code, spans] of this.#spans) for (const span of spans) all.push({ code, span });
    all.sort((a, b) => a.span - b.span);
    for (let at = 0; at < all.length; at += size) yield all.slice(at, at + size);
  }
}

const tries = 64;

/**
 * Makes the partial results of tiles anew from history: of all rows that happened and were known `by` then. Done again it
 * comes to the same.
 *
 * @throws HISTORY_STALE when events were merged after history was read, for it may lack them; TILE_FULL, PUSH_CONFLICT
 */
export async function rebuildTiles(
  history: HistoryOfTiles,
  online: OnlineStore,
  stale: readonly StaleTile[],
  { by, signal }: { readonly by: number; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const { view, layout, entities, readAt, now } = history;
  let pending = stale;
  for (let attempt = 0; pending.length > 0; attempt++) {
    if (attempt === tries) throw featureStoreError("PUSH_CONFLICT", { view: view.name, tries });
    if (attempt > 0) await sleep(Math.random() * Math.min(50, 2 ** attempt));
    const keys = pending.map(({ code, span }) => tileKey(view.push, entities[code] as Uint8Array, span));
    const { vectors } = await online.read(tileNamespace(view), keys, { signal });
    const changes: (OnlineChange & StaleTile)[] = [];
    pending.forEach((tile, i) => {
      const stored = vectors[i];
      const span = stored === undefined ? -Infinity : layout.span(stored);
      if (span > tile.span) return;
      const base = stored !== undefined && span === tile.span ? stored : layout.empty(tile.span);
      const mergedAt = layout.mergedAt(base);
      if (mergedAt > readAt) throw featureStoreError("HISTORY_STALE", { view: view.name, mergedAt, readAt });
      // Pushes may have merged more than history was asked for.
      const until = Math.max(by, layout.mergedBy(base));
      const next = layout.rebuild(base, rowsOf(history, tile, until), { by: until, now: now(), readAt });
      if (next.length > largestTile) {
        throw featureStoreError("TILE_FULL", { view: view.name, bytes: next.length, most: largestTile });
      }
      changes.push({ ...tile, key: keys[i] as Uint8Array, expected: stored, next });
    });
    const made = await online.exchange(tileNamespace(view), changes, { keepMs: keepMs(view.push), signal });
    pending = changes.filter((_, i) => made[i] !== true);
  }
}

/** The rows of a tile that could be seen by then, in the order of ties. */
function* rowsOf(
  { view, timeline, enter, entities, read }: HistoryOfTiles,
  { code, span }: StaleTile,
  by: number,
): Iterable<TileEvent & Moment> {
  const end = timeline.starts[code + 1] as number;
  const from = span * view.push.tile;
  for (let row = firstFrom(timeline.event, from, timeline.starts[code] as number, end); row < end; row++) {
    if ((timeline.event[row] as number) >= from + view.push.tile) return;
    if ((enter[row] as number) > by) continue;
    yield { ...read(row, entities[code] as Uint8Array), arrived: row };
  }
}

/** The first row of `[start, end)`, which ascend, that is no earlier than `time`. */
function firstFrom(event: Float64Array, time: number, start: number, end: number): number {
  let [low, high] = [start, end];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((event[middle] as number) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}
