import { setTimeout as sleep } from "node:timers/promises";
import type { FeatureView } from "../define/feature-view.ts";
import type { PushSource } from "../define/push-source.ts";
import { featureStoreError } from "../errors.ts";
import { keyId, type OnlineChange, type OnlineStore } from "../online/port.ts";
import type { ReadEvent } from "./events.ts";
import type { AddedToTile, Merging, TileLayout } from "./tile.ts";
import type { TileEvent } from "./tile-event.ts";
import { keepMs, spanOf, tileKey, tileNamespace, unsettledSpans } from "./tile-ring.ts";

/** What a push did. */
export interface PushResult {
  /** Events that have had their effect now. */
  readonly accepted: number;
  /** Events that had it before. */
  readonly duplicates: number;
  /** Events older than every window that is still kept, or later than is allowed: no window shows them. */
  readonly late: number;
}

/** What a push did. */
export interface AddedEvents {
  readonly result: PushResult;
  /** Of each event that is in a tile how many events of it arrived before. */
  readonly arrived: ReadonlyMap<ReadEvent, number | undefined>;
  /** The late events that a window could show, had those of their time not been merged. */
  readonly merged: ReadonlySet<TileEvent>;
}

interface Group {
  readonly entity: Uint8Array;
  readonly key: Uint8Array;
  readonly span: number;
  /** None of a tile that is visited to be merged. */
  readonly events: ReadEvent[];
}

type Change = OnlineChange & AddedToTile & { readonly group: Group; readonly behind: readonly number[] };

const tries = 64;
/** Below what any store holds in one value; reading a tile costs as much as its bytes. */
export const largestTile: number = 256 * 1024;

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
  { signal, ...merging }: Merging & { readonly signal?: AbortSignal | undefined },
): Promise<AddedEvents> {
  const arrived = new Map<ReadEvent, number | undefined>();
  const merged = new Set<TileEvent>();
  const result = { accepted: 0, duplicates: 0, late: 0 };
  if (view.push.reach === 0) return { result: { ...result, accepted: events.length }, arrived, merged };
  const namespace = tileNamespace(view);
  const settle = ({ events: settled }: Group, { added, late, arrived: places }: AddedToTile): void => {
    settled.forEach((event, i) => arrived.set(event, places[i]));
    for (const event of late) merged.add(event);
    result.accepted += added;
    result.late += late.length;
    result.duplicates += settled.length - added - late.length;
  };
  let pending = grouped(view.push, events);
  let conflicts = 0;
  while (pending.length > 0) {
    signal?.throwIfAborted();
    const { vectors } = await online.read(
      namespace,
      pending.map(({ key }) => key),
      { signal },
    );
    const changes: Change[] = [];
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
      const there = stored !== undefined && span === group.span;
      if (!there && group.events.length === 0) return;
      const base = there ? stored : layout.empty(group.span);
      const made = layout.add(base, group.events, merging);
      if (made.tile === base) return settle(group, made);
      if (made.tile.length > largestTile) {
        throw featureStoreError("TILE_FULL", { view: view.name, bytes: made.tile.length, most: largestTile });
      }
      const behind =
        group.events.length === 0 ? [] : unsettledSpans(view.push, group.span, layout.settled(base), merging.by);
      const last = behind.at(-1);
      const tile = last === undefined ? made.tile : layout.withSettled(made.tile, last);
      changes.push({ ...made, key: group.key, expected: stored, next: tile, group, behind });
    });
    const made = await online.exchange(namespace, changes, { keepMs: keepMs(view.push), signal });
    changes.forEach((change, i) => {
      const { group, behind } = change;
      if (made[i] !== true) return void next.push(group);
      settle(group, change);
      // The tiles before it are no longer written to: one who is killed here leaves their events unmerged, and none wrong.
      for (const span of behind) next.push(groupOf(view.push, group.entity, span));
    });
    pending = next;
    if (changes.length === 0 || made.includes(true)) conflicts = 0;
    else if (++conflicts === tries) throw featureStoreError("PUSH_CONFLICT", { view: view.name, tries });
    else await sleep(Math.random() * Math.min(50, 2 ** conflicts));
  }
  return { result, arrived, merged };
}

const groupOf = (push: PushSource, entity: Uint8Array, span: number): Group => ({
  entity,
  key: tileKey(push, entity, span),
  span,
  events: [],
});

/** By tile, in order of the spans. */
function grouped(push: PushSource, events: readonly ReadEvent[]): Group[] {
  const groups = new Map<string, Group>();
  for (const event of events) {
    const span = spanOf(push, event.event);
    const group = groupOf(push, event.entity, span);
    const id = `${span} ${keyId(group.key)}`;
    const known = groups.get(id) ?? group;
    known.events.push(event);
    groups.set(id, known);
  }
  return [...groups.values()].toSorted((a, b) => a.span - b.span);
}
