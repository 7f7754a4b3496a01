import { createHash } from "node:crypto";
import type { FeatureView } from "../define/feature-view.ts";
import { featureStoreError } from "../errors.ts";
import { inputColumns } from "../offline/join.ts";
import { type EventCell, Instant } from "./instant.ts";

/** An event of one entity, as a tile keeps it. */
export interface TileEvent {
  readonly id: string;
  /** Epoch microseconds. */
  readonly event: number;
  /** Epoch microseconds; the event time in a view without `knownAt`. */
  readonly known: number;
  /** One per column of the layout, in order. */
  readonly cells: readonly EventCell[];
}

export interface AddedToTile {
  readonly tile: Uint8Array;
  /** How many events it did not have. */
  readonly added: number;
  /** For each event given, how many events of the tile had arrived before it: an event that comes again has its first place. */
  readonly arrived: readonly number[];
}

const tags = { nothing: 0, number: 1, bigint: 2, string: 3, boolean: 4, instant: 5 } as const;
const headBytes = 36;

/**
 * The events of one entity within one span of time: layout id (8 bytes), number of the span (8), zeros to byte 32, count
 * of events (4), then each event as its length (4), the length of its id (2), the id, its event and known time (8 each)
 * and its cells, each a tag and a value. Little endian. An event is added at the end, so that the order is that of arrival.
 */
export class TileLayout {
  readonly columns: readonly string[];
  /** The first 8 bytes of the SHA-256 of the columns and the length of a tile: a tile of another layout is not misread. */
  readonly #id: Buffer;

  constructor(view: FeatureView) {
    this.columns = inputColumns(
      view,
      Object.keys(view.features).filter((name) => view.features[name]?.kind === "window"),
    );
    const shape = JSON.stringify([this.columns, view.push?.tile]);
    this.#id = createHash("sha256").update(shape).digest().subarray(0, 8);
  }

  empty(span: number): Buffer {
    const bytes = Buffer.alloc(headBytes);
    this.#id.copy(bytes);
    bytes.writeDoubleLE(span, 8);
    return bytes;
  }

  /** The number of the span a tile is of. @throws VECTOR_CORRUPT */
  span(tile: Uint8Array): number {
    const bytes = bufferOf(tile);
    if (bytes.length < headBytes || bytes.compare(this.#id, 0, 8, 0, 8) !== 0) {
      throw featureStoreError("VECTOR_CORRUPT", { reason: "it is no tile of this view" });
    }
    return bytes.readDoubleLE(8);
  }

  /** The tile with events added whose ids it has not yet; as it is when there are none. */
  add(tile: Uint8Array, events: readonly TileEvent[]): AddedToTile {
    const places = this.#places(tile);
    const records: Buffer[] = [];
    const arrived = events.map((event) => {
      const known = places.get(event.id);
      if (known !== undefined) return known;
      places.set(event.id, places.size);
      records.push(recordOf(event));
      return places.size - 1;
    });
    if (records.length === 0) return { tile, added: 0, arrived };
    const next = Buffer.concat([tile, ...records]);
    next.writeUInt32LE(next.readUInt32LE(32) + records.length, 32);
    return { tile: next, added: records.length, arrived };
  }

  /** By id, which of the tile's events it is, in order of arrival. */
  #places(tile: Uint8Array): Map<string, number> {
    const bytes = bufferOf(tile);
    const places = new Map<string, number>();
    let at = headBytes;
    while (at < bytes.length) {
      const idBytes = bytes.readUInt16LE(at + 4);
      places.set(bytes.toString("utf8", at + 6, at + 6 + idBytes), places.size);
      at += 4 + bytes.readUInt32LE(at);
    }
    return places;
  }

  /** Calls `take` with each event in order of arrival; `cell` reads the event's cells one after another. */
  read(tile: Uint8Array, take: (event: number, known: number, cell: () => EventCell) => void): void {
    const bytes = bufferOf(tile);
    let at = headBytes;
    let cursor = 0;
    const cell = (): EventCell => {
      const tag = bytes[cursor++];
      if (tag === tags.number) return bytes.readDoubleLE((cursor += 8) - 8);
      if (tag === tags.bigint) return bytes.readBigInt64LE((cursor += 8) - 8);
      if (tag === tags.instant) return new Instant(bytes.readDoubleLE((cursor += 8) - 8));
      if (tag === tags.boolean) return bytes[cursor++] === 1;
      if (tag !== tags.string) return null;
      const start = cursor + 4;
      cursor = start + bytes.readUInt32LE(cursor);
      return bytes.toString("utf8", start, cursor);
    };
    while (at < bytes.length) {
      const times = at + 6 + bytes.readUInt16LE(at + 4);
      cursor = times + 16;
      take(bytes.readDoubleLE(times), bytes.readDoubleLE(times + 8), cell);
      at += 4 + bytes.readUInt32LE(at);
    }
  }
}

function recordOf({ id, event, known, cells }: TileEvent): Buffer {
  const name = Buffer.from(id);
  const head = Buffer.alloc(6 + name.length + 16);
  head.writeUInt16LE(name.length, 4);
  name.copy(head, 6);
  head.writeDoubleLE(event, 6 + name.length);
  head.writeDoubleLE(known, 14 + name.length);
  const record = Buffer.concat([head, ...cells.map(cellBytes)]);
  record.writeUInt32LE(record.length - 4);
  return record;
}

function cellBytes(cell: EventCell): Buffer {
  if (cell === null) return Buffer.of(tags.nothing);
  if (typeof cell === "boolean") return Buffer.of(tags.boolean, cell ? 1 : 0);
  if (typeof cell === "string") {
    const text = Buffer.from(cell);
    const bytes = Buffer.alloc(5 + text.length);
    bytes[0] = tags.string;
    bytes.writeUInt32LE(text.length, 1);
    text.copy(bytes, 5);
    return bytes;
  }
  if (cell instanceof Float32Array) {
    const wanted = "numbers, text, booleans or times for a window";
    throw featureStoreError("COLUMN_TYPE_MISMATCH", {
      column: "of a window",
      table: "the events",
      found: "vectors",
      wanted,
    });
  }
  const bytes = Buffer.alloc(9);
  if (typeof cell === "bigint") {
    bytes[0] = tags.bigint;
    bytes.writeBigInt64LE(cell, 1);
  } else {
    bytes[0] = cell instanceof Instant ? tags.instant : tags.number;
    bytes.writeDoubleLE(cell instanceof Instant ? cell.micros : cell, 1);
  }
  return bytes;
}

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
