import { cellBytes } from "./cells.ts";
import type { EventCell } from "./instant.ts";

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

/** From when on an event can be seen: it happened, and was known. */
export const enterOf = ({ event, known }: { readonly event: number; readonly known: number }): number =>
  Math.max(event, known);

/**
 * An event in bytes: its length (4 bytes, without them), the length of its id (2), the id, its event and known time (8 each),
 * where partial results are kept how many arrived before it (4), and its cells. Little endian.
 */
export function recordOf({ id, event, known, cells }: TileEvent, arrived: number | undefined): Buffer {
  const name = Buffer.from(id);
  const head = Buffer.alloc(6 + name.length + 16 + (arrived === undefined ? 0 : 4));
  head.writeUInt16LE(name.length, 4);
  name.copy(head, 6);
  head.writeDoubleLE(event, 6 + name.length);
  head.writeDoubleLE(known, 14 + name.length);
  if (arrived !== undefined) head.writeUInt32LE(arrived, 22 + name.length);
  const record = Buffer.concat([head, ...cells.map(cellBytes)]);
  record.writeUInt32LE(record.length - 4);
  return record;
}

/** An event where it lies in the bytes of a tile. */
export interface KeptEvent {
  readonly event: number;
  readonly known: number;
  readonly arrived: number;
  /** Where its cells begin, and where the record begins and ends. */
  readonly cellsAt: number;
  readonly start: number;
  readonly end: number;
}

/** @param numbered whether each says how many arrived before it; else that is its place */
export function eachEvent(bytes: Buffer, from: number, numbered: boolean, take: (event: KeptEvent) => void): void {
  let place = 0;
  for (let start = from; start < bytes.length; place++) {
    const idEnd = start + 6 + bytes.readUInt16LE(start + 4);
    const end = start + 4 + bytes.readUInt32LE(start);
    take({
      event: bytes.readDoubleLE(idEnd),
      known: bytes.readDoubleLE(idEnd + 8),
      arrived: numbered ? bytes.readUInt32LE(idEnd + 16) : place,
      cellsAt: idEnd + (numbered ? 20 : 16),
      start,
      end,
    });
    start = end;
  }
}

/** By id, how many events arrived before each. */
export function placesOf(bytes: Buffer, from: number, numbered: boolean): Map<string, number> {
  const places = new Map<string, number>();
  for (let start = from; start < bytes.length; start += 4 + bytes.readUInt32LE(start)) {
    const idEnd = start + 6 + bytes.readUInt16LE(start + 4);
    const place = numbered ? bytes.readUInt32LE(idEnd + 16) : places.size;
    places.set(bytes.toString("utf8", start + 6, idEnd), place);
  }
  return places;
}
