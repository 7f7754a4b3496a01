import { featureStoreError } from "../errors.ts";
import { type EventCell, Instant } from "./instant.ts";

const tags = { nothing: 0, number: 1, bigint: 2, string: 3, boolean: 4, instant: 5 } as const;

/** What an event holds in a column, in bytes: a tag and a value, little endian. @throws COLUMN_TYPE_MISMATCH for a vector */
export function cellBytes(cell: EventCell): Buffer {
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

/** Reads cells one after another from `at`. */
export class CellReader {
  at: number;
  readonly #bytes: Buffer;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bufferOf(bytes);
    this.at = at;
  }

  next(): EventCell {
    const bytes = this.#bytes;
    const tag = bytes[this.at++];
    if (tag === tags.number) return bytes.readDoubleLE((this.at += 8) - 8);
    if (tag === tags.bigint) return bytes.readBigInt64LE((this.at += 8) - 8);
    if (tag === tags.instant) return new Instant(bytes.readDoubleLE((this.at += 8) - 8));
    if (tag === tags.boolean) return bytes[this.at++] === 1;
    if (tag !== tags.string) return null;
    const start = this.at + 4;
    this.at = start + bytes.readUInt32LE(this.at);
    return bytes.toString("utf8", start, this.at);
  }
}

export const bufferOf = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
