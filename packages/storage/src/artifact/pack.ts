import { Buffer } from "node:buffer";
import { type ByteRange, concatBytes } from "@ashlar/core";
import { corrupt, type Digest, digestOf, rawOf } from "./digest.ts";

const magic = Buffer.from("ASHPACK1");
const headerBytes = magic.byteLength + 4;
const digestBytes = 32;
const entryBytes = digestBytes + 4;
const maxEntries = 65_536;
/** What the bodies of a pack may have together: offsets stay exact in any integer. */
const maxBodyBytes = 0x7f_ff_ff_ff;

/** Bytes from the start of a pack that hold the index of most. */
export const firstRead: number = headerBytes + 1024 * entryBytes;

export interface PackEntry {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

/**
 * Blobs of at least a byte as one object: the index, then the bodies in its order. The index is `ASHPACK1`, the number of
 * entries (uint32, big endian), and for each the SHA-256 and the size (uint32) of a blob, in ascending order of the digests. A
 * pack's own digest is that of its index, which has the digest of every body: so the same blobs make the same pack, and
 * who has read the index knows that it is the one that was written.
 */
export function encodePack(blobs: ReadonlyMap<Digest, Uint8Array>): {
  readonly digest: Digest;
  readonly bytes: Uint8Array;
  readonly index: PackIndex;
} {
  const sorted = [...blobs].sort(([a], [b]) => (a < b ? -1 : 1));
  const text = Buffer.alloc(headerBytes + sorted.length * entryBytes);
  magic.copy(text);
  text.writeUInt32BE(sorted.length, magic.byteLength);
  for (const [n, [digest, body]] of sorted.entries()) {
    const at = headerBytes + n * entryBytes;
    rawOf(digest).copy(text, at);
    text.writeUInt32BE(body.byteLength, at + digestBytes);
  }
  const digest = digestOf(text);
  const bytes = concatBytes([text, ...sorted.map(([, body]) => body)]);
  return { digest, bytes, index: PackIndex.parse(digest, text) };
}

/** Bytes that an index has, by its first bytes. @throws ARTIFACT_CORRUPT */
export function indexBytes(pack: Digest, start: Uint8Array): number {
  const header = Buffer.from(start.buffer, start.byteOffset, start.byteLength);
  if (header.byteLength < headerBytes || !header.subarray(0, magic.byteLength).equals(magic)) {
    throw corrupt(pack, "it is not a pack");
  }
  const count = header.readUInt32BE(magic.byteLength);
  if (count < 1 || count > maxEntries) throw corrupt(pack, `a pack has 1 to ${maxEntries} blobs, not ${count}`);
  return headerBytes + count * entryBytes;
}

/** What is in a pack and where; 40 bytes of memory for each blob. */
export class PackIndex {
  /** Of all bodies. */
  readonly bodyBytes: number;
  readonly #text: Buffer;
  /** Where body n ends, from the start of the pack. */
  readonly #ends: Float64Array;

  /** @throws ARTIFACT_CORRUPT when the text is not the index that has this digest, or is none */
  static parse(pack: Digest, text: Uint8Array): PackIndex {
    if (indexBytes(pack, text) !== text.byteLength) throw corrupt(pack, "its index is cut off");
    if (digestOf(text) !== pack) throw corrupt(pack, "its index is not the one that was written");
    return new PackIndex(pack, Buffer.from(text));
  }

  private constructor(pack: Digest, text: Buffer) {
    this.#text = text;
    this.#ends = new Float64Array((text.byteLength - headerBytes) / entryBytes);
    let end = text.byteLength;
    for (let n = 0; n < this.#ends.length; n++) {
      const size = text.readUInt32BE(headerBytes + n * entryBytes + digestBytes);
      if (size === 0) throw corrupt(pack, "a blob of its index is empty");
      if (n > 0 && this.#raw(n - 1).compare(this.#raw(n)) >= 0) throw corrupt(pack, "its index is out of order");
      end += size;
      this.#ends[n] = end;
    }
    this.bodyBytes = end - text.byteLength;
    if (this.bodyBytes > maxBodyBytes) throw corrupt(pack, "its index says more than a pack may have");
  }

  #raw(n: number): Buffer {
    const at = headerBytes + n * entryBytes;
    return this.#text.subarray(at, at + digestBytes);
  }

  #start(n: number): number {
    return n === 0 ? this.#text.byteLength : (this.#ends[n - 1] as number);
  }

  /** Where the body of a blob is in the pack; undefined when it is not there. */
  find(digest: Digest): Required<ByteRange> | undefined {
    const wanted = rawOf(digest);
    let low = 0;
    let high = this.#ends.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const at = headerBytes + middle * entryBytes;
      const order = this.#text.compare(wanted, 0, digestBytes, at, at + digestBytes);
      if (order === 0) return { start: this.#start(middle), end: this.#ends[middle] as number };
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return undefined;
  }

  /** The first bytes of the digest of each blob, one after another. */
  prefixes(length: number): Buffer {
    const prefixes = Buffer.alloc(this.#ends.length * length);
    for (let n = 0; n < this.#ends.length; n++) this.#raw(n).copy(prefixes, n * length, 0, length);
    return prefixes;
  }

  *entries(): Generator<PackEntry> {
    for (const [n, end] of this.#ends.entries()) {
      yield { digest: `sha256:${this.#raw(n).toString("hex")}`, size: end - this.#start(n) };
    }
  }
}
