import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { type ObjectInfo, type ObjectStore, toBytes } from "@ashlar/core";

const folder = "blocks/";
const checksumBytes = 4;
const maxWrites = 16;

/**
 * Blocks of objects in a store, each with a checksum, the least recently used dropped beyond a number of bytes. Nothing
 * here fails: what cannot be read is not there, and what cannot be written is not kept.
 */
export class BlockCache implements AsyncDisposable {
  readonly #store: ObjectStore;
  readonly #maxBytes: number;
  readonly #onError: (error: unknown) => void;
  /** Bytes of each block, in the order of their last use. */
  readonly #sizes = new Map<string, number>();
  readonly #writes = new Set<Promise<void>>();
  #total = 0;
  #ready: Promise<void> | undefined;

  constructor(store: ObjectStore, options: { readonly maxBytes: number; readonly onError: (error: unknown) => void }) {
    this.#store = store;
    this.#maxBytes = options.maxBytes;
    this.#onError = options.onError;
  }

  /** The name of a block of one version of an object. */
  static nameOf({ key, etag }: ObjectInfo, index: number): string {
    const digest = createHash("sha256").update(`${etag}\0${key}`).digest("hex");
    return `${folder}${digest.slice(0, 2)}/${digest}/${index}`;
  }

  async read(name: string, expected: number): Promise<Uint8Array | undefined> {
    await (this.#ready ??= this.#load());
    if (!this.#sizes.has(name)) return undefined;
    const block = await this.#guarded(async () => opened(await (await this.#store.get(name)).bytes(), expected));
    if (block === undefined) this.#forget(name);
    else this.#use(name, block.byteLength + checksumBytes);
    return block;
  }

  /** Begins to keep a block; a reader does not wait for it. When too many writes are under way, it is not kept. */
  keep(name: string, block: Uint8Array): void {
    if (this.#writes.size >= maxWrites || block.byteLength + checksumBytes > this.#maxBytes) return;
    const write = this.#guarded(() => this.#write(name, block)).then(() => void this.#writes.delete(write));
    this.#writes.add(write);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#writes);
  }

  async #write(name: string, block: Uint8Array): Promise<void> {
    await (this.#ready ??= this.#load());
    await this.#store.put(name, closed(block));
    this.#use(name, block.byteLength + checksumBytes);
    while (this.#total > this.#maxBytes) {
      const [oldest] = this.#sizes.keys();
      if (oldest === undefined) return;
      this.#forget(oldest);
      await this.#store.delete(oldest);
    }
  }

  /** What an earlier process kept, the oldest first. */
  async #load(): Promise<void> {
    await this.#guarded(async () => {
      const found: ObjectInfo[] = [];
      for await (const info of this.#store.list(folder)) found.push(info);
      for (const { key, size } of found.sort((a, b) => a.lastModified - b.lastModified)) this.#use(key, size);
    });
  }

  #use(name: string, bytes: number): void {
    this.#forget(name);
    this.#sizes.set(name, bytes);
    this.#total += bytes;
  }

  #forget(name: string): void {
    this.#total -= this.#sizes.get(name) ?? 0;
    this.#sizes.delete(name);
  }

  async #guarded<Result>(work: () => Promise<Result>): Promise<Result | undefined> {
    try {
      return await work();
    } catch (error) {
      this.#onError(error);
      return undefined;
    }
  }
}

function closed(block: Uint8Array): Uint8Array {
  const kept = new Uint8Array(block.byteLength + checksumBytes);
  kept.set(block);
  new DataView(kept.buffer).setUint32(block.byteLength, crc32(block));
  return kept;
}

/** Undefined for a block that was cut or altered. */
function opened(kept: Uint8Array, expected: number): Uint8Array | undefined {
  if (kept.byteLength !== expected + checksumBytes) return undefined;
  const block = kept.subarray(0, expected);
  const checksum = new DataView(kept.buffer, kept.byteOffset).getUint32(expected);
  return crc32(block) === checksum ? block : undefined;
}

/** Reads a block of one version from where it comes from; undefined when another version stands there. */
export async function fetchBlock(
  objects: ObjectStore,
  { key, etag, size }: ObjectInfo,
  { start, end }: { readonly start: number; readonly end: number },
): Promise<Uint8Array | undefined> {
  const isWhole = start === 0 && end === size;
  const object = await objects.get(key, isWhole ? {} : { range: { start, end } });
  if (object.info.etag === etag) return toBytes(object.stream());
  await object.stream().cancel();
  return undefined;
}
