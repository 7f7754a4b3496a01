import { Buffer } from "node:buffer";
import { concurrently } from "./concurrently.ts";
import { corrupt, type Digest, digestOf, rawOf } from "./digest.ts";

const magic = Buffer.from("ASHPKIX1");
const fixedBytes = magic.byteLength + 8;
const digestBytes = 32;
const blockHeaderBytes = 4 + digestBytes;
/** What is kept of a blob's digest. Two blobs may share it: who finds a pack by it asks the pack's own index. */
export const prefixBytes = 8;
const entryBytes = prefixBytes + 4;
const entryWords = entryBytes / 4;
const maxPacks = 65_536;
const maxBits = 16;
const maxBlockEntries = 1 << 20;
/** Entries in a block, about: what is read to look for one blob. */
const blockEntries = 512;
const callsAtOnce = 16;
/** Bytes from the start that have the whole header of most. */
const firstRead = 16 * 1024;

/** Bytes of the object from `start` to `end`, or fewer where it ends before. */
type Read = (start: number, end: number) => Promise<Uint8Array>;

/** Of each pack the first 8 bytes of the digests of its blobs, one after another. */
export type Prefixes = ReadonlyMap<Digest, Buffer>;

/** The number of the block in which a blob is: the first bits of its digest. */
const blockOf = (start: number, bits: number): number => (bits === 0 ? 0 : start >>> (32 - bits));

const headerLength = (packs: number, bits: number): number =>
  fixedBytes + packs * digestBytes + 2 ** bits * blockHeaderBytes;

/**
 * In which of many packs a blob may be, as one object: `ASHPKIX1`, the number of packs and of bits (uint32, big endian), the
 * SHA-256 of each pack in ascending order, for each of the 2^bits blocks the number of its entries (uint32) and its SHA-256; then
 * the blocks. A blob is in the block that its first bits say: the first 8 bytes of its digest, and the number of its pack
 * (uint32). The index's own digest is that of all before the blocks, so that each block is verified that is read.
 */
export function encodeMultiPackIndex(packs: Prefixes): { readonly digest: Digest; readonly bytes: Uint8Array } {
  const sorted = [...packs].sort(([a], [b]) => (a < b ? -1 : 1));
  const total = sorted.reduce((sum, [, prefixes]) => sum + prefixes.byteLength / prefixBytes, 0);
  const bits = Math.min(maxBits, Math.max(0, Math.ceil(Math.log2(total / blockEntries))));
  const counts = new Uint32Array(2 ** bits);
  for (const [, prefixes] of sorted) {
    for (let at = 0; at < prefixes.byteLength; at += prefixBytes) {
      const block = blockOf(prefixes.readUInt32BE(at), bits);
      counts[block] = (counts[block] ?? 0) + 1;
    }
  }
  const bodyAt = headerLength(sorted.length, bits);
  const ends = new Float64Array(counts.length);
  for (let block = 0, start = bodyAt; block < counts.length; block++) {
    ends[block] = start;
    start += (counts[block] ?? 0) * entryBytes;
  }
  const bytes = Buffer.alloc(bodyAt + total * entryBytes);
  for (const [pack, [, prefixes]] of sorted.entries()) {
    for (let from = 0; from < prefixes.byteLength; from += prefixBytes) {
      const block = blockOf(prefixes.readUInt32BE(from), bits);
      const at = ends[block] ?? 0;
      prefixes.copy(bytes, at, from, from + prefixBytes);
      bytes.writeUInt32BE(pack, at + prefixBytes);
      ends[block] = at + entryBytes;
    }
  }
  magic.copy(bytes);
  bytes.writeUInt32BE(sorted.length, magic.byteLength);
  bytes.writeUInt32BE(bits, magic.byteLength + 4);
  let at = fixedBytes;
  for (const [digest] of sorted) at += rawOf(digest).copy(bytes, at);
  for (const [block, count] of counts.entries()) {
    const end = ends[block] ?? 0;
    at = bytes.writeUInt32BE(count, at);
    at += rawOf(digestOf(bytes.subarray(end - count * entryBytes, end))).copy(bytes, at);
  }
  return { digest: digestOf(bytes.subarray(0, bodyAt)), bytes };
}

interface Block {
  readonly start: number;
  readonly end: number;
  readonly digest: Digest;
}

/** A multi-pack index of a store; blocks are read when they are needed, and then held: 12 bytes for each blob at most. */
export class MultiPackIndex {
  readonly digest: Digest;
  readonly packs: readonly Digest[];
  readonly #bits: number;
  readonly #blocks: readonly Block[];
  /** Three words for each entry, in the order of bytes that they came in. */
  readonly #held: Map<number, Uint32Array<ArrayBuffer>> = new Map();
  readonly #read: Read;

  /** Reads the header. @throws ARTIFACT_CORRUPT, and what `read` throws */
  static async open(digest: Digest, read: Read): Promise<MultiPackIndex> {
    const start = Buffer.from(await read(0, firstRead));
    if (start.byteLength < fixedBytes || !start.subarray(0, magic.byteLength).equals(magic)) {
      throw corrupt(digest, "it is not a multi-pack index");
    }
    const packs = start.readUInt32BE(magic.byteLength);
    const bits = start.readUInt32BE(magic.byteLength + 4);
    if (packs < 1 || packs > maxPacks || bits > maxBits) {
      throw corrupt(digest, `a multi-pack index has 1 to ${maxPacks} packs and 2^${maxBits} blocks at most`);
    }
    const length = headerLength(packs, bits);
    const header = length <= start.byteLength ? start.subarray(0, length) : Buffer.from(await read(0, length));
    if (digestOf(header) !== digest) throw corrupt(digest, "its header is not the one that was written");
    return new MultiPackIndex({ digest, header: Buffer.from(header), packs, bits }, read);
  }

  private constructor(
    { digest, header, packs, bits }: { digest: Digest; header: Buffer; packs: number; bits: number },
    read: Read,
  ) {
    const rawAt = (at: number): Digest => `sha256:${header.toString("hex", at, at + digestBytes)}`;
    this.digest = digest;
    this.packs = Array.from({ length: packs }, (_, n) => rawAt(fixedBytes + n * digestBytes));
    this.#bits = bits;
    this.#read = read;
    let end = header.byteLength;
    this.#blocks = Array.from({ length: 2 ** bits }, (_, n) => {
      const at = fixedBytes + packs * digestBytes + n * blockHeaderBytes;
      const count = header.readUInt32BE(at);
      if (count > maxBlockEntries) throw corrupt(digest, `its block ${n} says that it has ${count} entries`);
      const start = end;
      end += count * entryBytes;
      return { start, end, digest: rawAt(at + 4) };
    });
  }

  /** Reads what is needed to look for some blobs, each block for itself unless they are many. @throws as `open` */
  async prepare(blobs: Iterable<Digest>): Promise<void> {
    const wanted = new Set<number>();
    for (const blob of blobs) wanted.add(blockOf(rawOf(blob).readUInt32BE(), this.#bits));
    for (const block of this.#held.keys()) wanted.delete(block);
    if (wanted.size * 4 >= this.#blocks.length) return this.prepareAll();
    await concurrently(wanted, callsAtOnce, async (n) => {
      const { start, end } = this.#block(n);
      this.#hold(n, end > start ? await this.#read(start, end) : new Uint8Array());
    });
  }

  /** Reads all of it. @throws as `open` */
  async prepareAll(): Promise<void> {
    if (this.#held.size === this.#blocks.length) return;
    const from = this.#block(0).start;
    const to = this.#block(this.#blocks.length - 1).end;
    const all = await this.#read(from, to);
    for (const [n, { start, end }] of this.#blocks.entries()) this.#hold(n, all.subarray(start - from, end - from));
  }

  #block(n: number): Block {
    return this.#blocks[n] as Block;
  }

  #hold(n: number, bytes: Uint8Array): void {
    if (digestOf(bytes) !== this.#block(n).digest) throw corrupt(this.digest, `its block ${n} is not what was written`);
    this.#held.set(n, new Uint32Array(new Uint8Array(bytes).buffer));
  }

  /** The packs that may have a blob it is prepared for. */
  packsOf(blob: Digest): readonly Digest[] {
    const raw = rawOf(blob);
    const [first, second] = new Uint32Array(new Uint8Array(raw.subarray(0, prefixBytes)).buffer);
    const block = this.#held.get(blockOf(raw.readUInt32BE(), this.#bits)) ?? new Uint32Array();
    const found: Digest[] = [];
    for (let at = 0; at < block.length; at += entryWords) {
      if (block[at] !== first || block[at + 1] !== second) continue;
      const pack = this.packs[packAt(block, at)];
      if (pack !== undefined) found.push(pack);
    }
    return found;
  }

  /** All of it that was read, to make another of. */
  prefixes(): Prefixes {
    const counts = new Uint32Array(this.packs.length);
    const each = (visit: (pack: number, block: Uint32Array<ArrayBuffer>, at: number) => void): void => {
      for (const block of this.#held.values()) {
        for (let at = 0; at < block.length; at += entryWords) visit(packAt(block, at), block, at);
      }
    };
    each((pack) => (counts[pack] = (counts[pack] ?? 0) + 1));
    const prefixes = Array.from(counts, (count) => Buffer.alloc(count * prefixBytes));
    const ends = new Uint32Array(this.packs.length);
    each((pack, block, at) => {
      const end = ends[pack] ?? 0;
      prefixes[pack]?.set(new Uint8Array(block.buffer, at * 4, prefixBytes), end);
      ends[pack] = end + prefixBytes;
    });
    return new Map(this.packs.map((pack, n) => [pack, prefixes[n] ?? Buffer.alloc(0)]));
  }
}

/** The number of the pack of the entry at a word. */
function packAt(block: Uint32Array<ArrayBuffer>, at: number): number {
  return new DataView(block.buffer).getUint32(at * 4 + prefixBytes);
}
