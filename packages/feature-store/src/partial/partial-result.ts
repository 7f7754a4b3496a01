import type { EventCell } from "../push/instant.ts";

/** When an event happened and became known, in epoch microseconds, and how many arrived before it: the order of ties. */
export interface Moment {
  readonly event: number;
  readonly known: number;
  readonly arrived: number;
}

/**
 * What some events come to in one respect. Events come in one by one or as the bytes of another that had them, in any order
 * to the same answers. Nothing can be taken out.
 */
export interface PartialResult {
  add(cell: EventCell, at: Moment): void;
  /** @throws VECTOR_CORRUPT for bytes of something else */
  merge(bytes: Uint8Array): void;
  toBytes(): Uint8Array;
}
