import { createHash } from "node:crypto";
import type { FeatureView } from "../define/feature-view.ts";
import { featureStoreError } from "../errors.ts";
import { inputColumns } from "../offline/join.ts";
import type { Moment } from "../partial/partial-result.ts";
import { bufferOf, CellReader } from "./cells.ts";
import { type HopPlan, hopPlan } from "./hop-plan.ts";
import { HopStates, type KeptHop, keptHops } from "./hop-states.ts";
import type { EventCell } from "./instant.ts";
import { eachEvent, enterOf, type KeptEvent, placesOf, recordOf, type TileEvent } from "./tile-event.ts";

export interface AddedToTile {
  /** The tile given when nothing changed. */
  readonly tile: Uint8Array;
  /** How many events it did not have. */
  readonly added: number;
  /** The events that came too late to be told from those that were merged. */
  readonly late: readonly TileEvent[];
  /**
   * For each event given, how many events of the tile had arrived before it: an event that comes again has its first place,
   * and a late one none.
   */
  readonly arrived: readonly (number | undefined)[];
}

/** Which events are merged. */
export interface Merging {
  /** Those that happened and were known by then, epoch microseconds; -Infinity: none. */
  readonly by: number;
  /** Epoch milliseconds. */
  readonly now: number;
}

const never: Merging = { by: -Infinity, now: -Infinity };

const plainHead = 36;
const mergingHead = 48;

/**
 * The events of one entity within one span of time, and in a view with windows that hop the partial results of events that
 * were merged: layout id (8 bytes), number of the span (8), up to when events were merged (8), up to which span they were in
 * the tiles before (8), count of events that arrived (4), where results are kept their length (4), when they last changed (8)
 * and they themselves, and the events. Little endian. An event is added at the end, so that the order is that of arrival.
 */
export class TileLayout {
  readonly columns: readonly string[];
  readonly plan: HopPlan;
  /** The first 8 bytes of the SHA-256 of what a tile holds: one of another layout is not misread. */
  readonly #id: Buffer;

  constructor(view: FeatureView) {
    this.columns = inputColumns(
      view,
      Object.keys(view.features).filter((name) => view.features[name]?.kind === "window"),
    );
    this.plan = hopPlan(view);
    const hops = this.plan.groups.map(({ hop, respects }) => [hop, respects.map(({ id }) => id)]);
    const shape = JSON.stringify([this.columns, view.push?.tile, ...(this.merges ? [hops] : [])]);
    this.#id = createHash("sha256").update(shape).digest().subarray(0, 8);
  }

  /** Whether events are merged into partial results when they are old enough. */
  get merges(): boolean {
    return this.plan.groups.length > 0;
  }

  empty(span: number): Buffer {
    const bytes = Buffer.alloc(this.merges ? mergingHead : plainHead);
    this.#id.copy(bytes);
    bytes.writeDoubleLE(span, 8);
    if (this.merges) for (const at of [16, 24, 40]) bytes.writeDoubleLE(-Infinity, at);
    return bytes;
  }

  /** The number of the span a tile is of. @throws VECTOR_CORRUPT */
  span(tile: Uint8Array): number {
    const bytes = bufferOf(tile);
    if (bytes.length < plainHead || bytes.compare(this.#id, 0, 8, 0, 8) !== 0) {
      throw featureStoreError("VECTOR_CORRUPT", { reason: "it is no tile of this view" });
    }
    return bytes.readDoubleLE(8);
  }

  /** Up to when events are merged, epoch microseconds: each that is not kept happened and was known by then. */
  mergedBy(tile: Uint8Array): number {
    return this.merges ? bufferOf(tile).readDoubleLE(16) : -Infinity;
  }

  /** When events were last merged, epoch milliseconds. */
  mergedAt(tile: Uint8Array): number {
    return bufferOf(tile).readDoubleLE(40);
  }

  /** The last span of those before of which all was merged. */
  settled(tile: Uint8Array): number {
    return this.merges ? bufferOf(tile).readDoubleLE(24) : Infinity;
  }

  withSettled(tile: Uint8Array, span: number): Uint8Array {
    const bytes = Buffer.from(tile);
    bytes.writeDoubleLE(span, 24);
    return bytes;
  }

  /** The tile with the events added whose ids it has not yet, and with those merged that are due. */
  add(tile: Uint8Array, events: readonly TileEvent[], { by, now }: Merging = never): AddedToTile {
    const bytes = bufferOf(tile);
    const places = placesOf(bytes, this.#eventsAt(bytes), this.merges);
    const closed = Math.max(by, this.mergedBy(tile));
    let next = bytes.readUInt32LE(32);
    const records: Buffer[] = [];
    const late: TileEvent[] = [];
    const arrived = events.map((event) => {
      const place = places.get(event.id);
      if (place !== undefined) return place;
      if (enterOf(event) <= closed) {
        late.push(event);
        return undefined;
      }
      places.set(event.id, next);
      records.push(recordOf(event, this.merges ? next : undefined));
      return next++;
    });
    let grown = tile;
    if (records.length > 0) {
      const longer = Buffer.concat([tile, ...records]);
      longer.writeUInt32LE(next, 32);
      grown = longer;
    }
    return { tile: this.#merge(grown, { by, now }), added: records.length, late, arrived };
  }

  /**
   * The tile with other partial results: those of `history`, which is all that entered `by` then, and of what the tile itself
   * still has of that time and history has not. Events since are kept.
   *
   * @param readAt when history was read, epoch milliseconds
   */
  rebuild(
    tile: Uint8Array,
    history: Iterable<TileEvent & Moment>,
    { by, now, readAt }: Merging & { readonly readAt: number },
  ): Uint8Array {
    const states = new HopStates(this.plan.groups, this.columns, new Uint8Array(0));
    const ids = new Set<string>();
    for (const event of history) {
      states.add(event.cells, event);
      ids.add(event.id);
    }
    const places = placesOf(bufferOf(tile), this.#eventsAt(bufferOf(tile)), this.merges);
    const known = new Set([...places].filter(([id]) => ids.has(id)).map(([, arrived]) => arrived));
    const own = this.#some(tile, (event) => enterOf(event) <= by && !known.has(event.arrived));
    this.#addTo(states, tile, own);
    const at = Math.max(this.mergedAt(tile), own.length > 0 ? now : readAt);
    return this.#assemble(tile, { by, now: at }, states.toBytes());
  }

  /** Hops that have partial results. @throws VECTOR_CORRUPT */
  hops(tile: Uint8Array): Iterable<KeptHop> {
    return this.merges ? keptHops(this.plan.groups, this.#section(tile)) : [];
  }

  /** Calls `take` with each event in order of arrival; `cell` reads the event's cells one after another. */
  read(tile: Uint8Array, take: (at: Moment, cell: () => EventCell) => void): void {
    const cells = new CellReader(tile);
    const cell = (): EventCell => cells.next();
    this.#each(tile, (event) => {
      cells.at = event.cellsAt;
      take(event, cell);
    });
  }

  #merge(tile: Uint8Array, merging: Merging): Uint8Array {
    if (!this.merges || merging.by === -Infinity) return tile;
    const due = this.#some(tile, (event) => enterOf(event) <= merging.by);
    if (due.length === 0) return tile;
    const states = new HopStates(this.plan.groups, this.columns, this.#section(tile));
    this.#addTo(states, tile, due);
    return this.#assemble(tile, merging, states.toBytes());
  }

  #addTo(states: HopStates, tile: Uint8Array, events: readonly KeptEvent[]): void {
    const cells = new CellReader(tile);
    for (const event of events) {
      cells.at = event.cellsAt;
      states.add(
        this.columns.map(() => cells.next()),
        event,
      );
    }
  }

  #assemble(tile: Uint8Array, { by, now }: Merging, section: Buffer): Uint8Array {
    const head = Buffer.from(tile.subarray(0, mergingHead));
    head.writeDoubleLE(by, 16);
    head.writeUInt32LE(section.length, 36);
    head.writeDoubleLE(now, 40);
    const kept = this.#some(tile, (event) => enterOf(event) > by);
    return Buffer.concat([head, section, ...kept.map(({ start, end }) => tile.subarray(start, end))]);
  }

  #section(tile: Uint8Array): Uint8Array {
    return tile.subarray(mergingHead, mergingHead + bufferOf(tile).readUInt32LE(36));
  }

  #some(tile: Uint8Array, test: (event: KeptEvent) => boolean): KeptEvent[] {
    const found: KeptEvent[] = [];
    this.#each(tile, (event) => test(event) && found.push(event));
    return found;
  }

  #each(tile: Uint8Array, take: (event: KeptEvent) => void): void {
    const bytes = bufferOf(tile);
    eachEvent(bytes, this.#eventsAt(bytes), this.merges, take);
  }

  #eventsAt(bytes: Buffer): number {
    return this.merges ? mergingHead + bytes.readUInt32LE(36) : plainHead;
  }
}
