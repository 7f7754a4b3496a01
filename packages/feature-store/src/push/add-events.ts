import { setTimeout as sleep } from "node:timers/promises";
import type { FeatureView } from "../define/feature-view.ts";
import type { PushSource } from "../define/push-source.ts";
import { featureStoreError } from "../errors.ts";
import { keyId, type OnlineChange, type OnlineStore } from "../online/port.ts";
import type { ReadEvent } from "./events.ts";
import type { AddedToTile, TileLayout } from "./tile.ts";
import { keepMs, spanOf, tileKey, tileNamespace } from "./tile-ring.ts";

/** What a push did. */
export interface PushResult {
  /** Events that have had their effect now. */
  readonly accepted: number;
  /** Events that had it before. */
  readonly duplicates: number;
  /** Events older than every window that is still kept: no window can show them. */
  readonly late: number;
}

/** What a push did, and of each event how many events of its tile arrived before it, 0 where it is in no tile. */
export interface AddedEvents {
  readonly result: PushResult;
  readonly arrived: ReadonlyMap<ReadEvent, number>;
}

interface Group {
  readonly key: Uint8Array;
  readonly span: number;
  readonly events: ReadEvent[];
}

const tries = 64;
/** Below what any store holds in one value; reading a tile costs as much as its bytes. */
const largestTile = 256 * 1024;

/**
 * Adds events to the tiles of their entities. The id of an event is in the tile it changes, and tile and id are exchanged
 * as one: however often an event comes, whoever adds at the same time and wherever one is killed, it counts once.
 *
 * @throws TILE_FULL, PUSH_CONFLICT
 */
export async function addEvents(
  view: FeatureView & { readonly push: PushSource },
  layout: TileLayout,
  online: OnlineStore,
  events: readonly ReadEvent[],
  signal?: AbortSignal,
): Promise<AddedEvents> {
  const arrived = new Map<ReadEvent, number>();
  if (view.push.reach === 0) return { result: { accepted: events.length, duplicates: 0, late: 0 }, arrived };
  const namespace = tileNamespace(view);
  const result = { accepted: 0, duplicates: 0, late: 0 };
  const settle = ({ events: settled }: Group, places: readonly number[]): void =>
    settled.forEach((event, i) => arrived.set(event, places[i] ?? 0));
  let pending = grouped(view.push, events);
  let conflicts = 0;
  while (pending.length > 0) {
    signal?.throwIfAborted();
    const { vectors } = await online.read(
      namespace,
      pending.map(({ key }) => key),
      { signal },
    );
    const changes: (OnlineChange & AddedToTile & { readonly group: Group })[] = [];
    const next: Group[] = [];
    const taken = new Set<string>();
    pending.forEach((group, i) => {
      const stored = vectors[i];
      const span = stored === undefined ? -Infinity : layout.span(stored);
      // Of two groups in one place of the ring the earlier goes first: it is done before the later takes the place.
      const place = keyId(group.key);
      if (taken.has(place)) return void next.push(group);
      taken.add(place);
      if (span > group.span) return void (result.late += group.events.length);
      const base = stored !== undefined && span === group.span ? stored : layout.empty(group.span);
      const made = layout.add(base, group.events);
      const { tile, added } = made;
      if (added === 0) {
        settle(group, made.arrived);
        return void (result.duplicates += group.events.length);
      }
      if (tile.length > largestTile) {
        throw featureStoreError("TILE_FULL", { view: view.name, bytes: tile.length, most: largestTile });
      }
      changes.push({ key: group.key, expected: stored, next: tile, group, ...made });
    });
    const made = await online.exchange(namespace, changes, { keepMs: keepMs(view.push), signal });
    changes.forEach(({ group, added, arrived: places }, i) => {
      if (made[i] !== true) return void next.push(group);
      settle(group, places);
      result.accepted += added;
      result.duplicates += group.events.length - added;
    });
    pending = next;
    if (changes.length === 0 || made.includes(true)) conflicts = 0;
    else if (++conflicts === tries) throw featureStoreError("PUSH_CONFLICT", { view: view.name, tries });
    else await sleep(Math.random() * Math.min(50, 2 ** conflicts));
  }
  return { result, arrived };
}

/** By tile, in order of the spans. */
function grouped(push: PushSource, events: readonly ReadEvent[]): Group[] {
  const groups = new Map<string, Group>();
  for (const event of events) {
    const span = spanOf(push, event.event);
    const key = tileKey(push, event.entity, span);
    const id = `${span} ${keyId(key)}`;
    const group = groups.get(id) ?? { key, span, events: [] };
    group.events.push(event);
    groups.set(id, group);
  }
  return [...groups.values()].toSorted((a, b) => a.span - b.span);
}
