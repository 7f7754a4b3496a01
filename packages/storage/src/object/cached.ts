import {
  assertObjectKey,
  type Bytes,
  coreError,
  type GetOptions,
  isAshlarError,
  type ListOptions,
  type ObjectInfo,
  type ObjectStore,
  type ObjectStoreCapabilities,
  type PutOptions,
  resolveRange,
  type StoredObject,
  toBytes,
} from "@ashlar/core";
import { storageError } from "../errors.ts";
import { BlockCache, fetchBlock } from "./block-cache.ts";
import { ahead } from "./in-flight.ts";
import { primed } from "./primed.ts";
import { Recent } from "./recent.ts";
import { assertInteger } from "./transfer-options.ts";

export interface CachedOptions {
  /** Where blocks are kept: a local file system, say. It belongs to this cache alone. */
  readonly cache: ObjectStore;
  /** Bytes kept by this process; the blocks not used for longest are dropped. @default 1 GiB */
  readonly maxBytes?: number;
  /** Bytes of a block: what is fetched and kept at a time, 4 KiB to 64 MiB. @default 1 MiB */
  readonly blockBytes?: number;
  /** True for keys whose object is never replaced: they are not asked for again. @default none is */
  readonly immutable?: (key: string) => boolean;
  /** Told of every failure of the cache; reads go on without it. @default nothing is told */
  readonly onCacheError?: (error: unknown) => void;
}

/** @see cached */
export interface CachedStore extends ObjectStore, AsyncDisposable {}

const rememberedObjects = 10_000;
const blocksAhead = 4;
const maxVersions = 5;

/**
 * Reads through a cache of blocks. Each read asks for the etag first (one `head`) and uses only blocks of that version;
 * a key that is `immutable` is asked for once. Readers who miss one block together fetch it once. A cache that fails,
 * or gives back something else than it was given, is passed over. Writes go past the cache.
 *
 * A reader who is slower than a replacement of a large object gets OBJECT_REPLACED, never a mix of two versions. From
 * a store without `rangeRead`, only objects of up to one block are kept. Disposing waits for the blocks being kept.
 *
 * @throws OPTION_INVALID
 */
export function cached(objects: ObjectStore, options: CachedOptions): CachedStore {
  return new Cached(objects, options);
}

class Cached implements CachedStore {
  readonly capabilities: ObjectStoreCapabilities;
  readonly #objects: ObjectStore;
  readonly #blocks: BlockCache;
  readonly #blockBytes: number;
  readonly #isImmutable: (key: string) => boolean;
  readonly #known: Recent<ObjectInfo> = new Recent(rememberedObjects);
  readonly #flights = new Map<string, Promise<Uint8Array>>();

  constructor(objects: ObjectStore, options: CachedOptions) {
    const { cache, maxBytes = 2 ** 30, blockBytes = 2 ** 20, immutable = () => false, onCacheError } = options;
    assertInteger("maxBytes", maxBytes, 1, Number.MAX_SAFE_INTEGER);
    assertInteger("blockBytes", blockBytes, 4096, 64 * 2 ** 20);
    this.capabilities = objects.capabilities;
    this.#objects = objects;
    this.#blocks = new BlockCache(cache, { maxBytes, onError: onCacheError ?? (() => {}) });
    this.#blockBytes = blockBytes;
    this.#isImmutable = immutable;
  }

  async get(key: string, options: GetOptions = {}): Promise<StoredObject> {
    const { range, signal } = options;
    for (let version = 1; ; version++) {
      const info = await this.head(key, signal === undefined ? {} : { signal });
      if (info === undefined) throw coreError("OBJECT_NOT_FOUND", { key });
      if (!this.capabilities.rangeRead && info.size > this.#blockBytes) return this.#objects.get(key, options);
      const { start, end } = resolveRange(key, info.size, range);
      try {
        const body = await primed(streamOf(this.#read(info, { start, end, signal }), signal));
        return { info, stream: () => body, bytes: () => toBytes(body) };
      } catch (error) {
        this.#known.delete(key);
        if (!isAshlarError(error, "OBJECT_REPLACED") || version >= maxVersions) throw error;
      }
    }
  }

  async head(key: string, options: { readonly signal?: AbortSignal } = {}): Promise<ObjectInfo | undefined> {
    assertObjectKey(key);
    options.signal?.throwIfAborted();
    const isImmutable = this.#isImmutable(key);
    const known = isImmutable ? this.#known.get(key) : undefined;
    if (known !== undefined) return known;
    const info = await this.#objects.head(key, options);
    if (isImmutable && info !== undefined) this.#known.set(key, info);
    return info;
  }

  async put(key: string, body: Bytes, options?: PutOptions): Promise<ObjectInfo> {
    try {
      return await this.#objects.put(key, body, options);
    } finally {
      this.#known.delete(key);
    }
  }

  async delete(key: string, options?: { readonly signal?: AbortSignal }): Promise<void> {
    try {
      await this.#objects.delete(key, options);
    } finally {
      this.#known.delete(key);
    }
  }

  list(prefix: string, options?: ListOptions): AsyncIterable<ObjectInfo> {
    return this.#objects.list(prefix, options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#blocks[Symbol.asyncDispose]();
  }

  async *#read(
    info: ObjectInfo,
    part: { readonly start: number; readonly end: number; readonly signal: AbortSignal | undefined },
  ): AsyncGenerator<Uint8Array> {
    const { start, end, signal } = part;
    const size = this.#blockBytes;
    const indexes = async function* (): AsyncGenerator<number> {
      for (let index = Math.floor(start / size); index * size < end; index++) yield index;
    };
    const fetched = ahead(indexes(), blocksAhead, async (index) => [index, await this.#block(info, index)] as const);
    for await (const [index, block] of start < end ? fetched : []) {
      signal?.throwIfAborted();
      // A copy: the reader may do with it as he likes, and others read the same block.
      yield block.slice(Math.max(0, start - index * size), end - index * size);
    }
  }

  /** One block, fetched once for all who wait for it, and whoever of them leaves. */
  async #block(info: ObjectInfo, index: number): Promise<Uint8Array> {
    const name = BlockCache.nameOf(info, index);
    const underWay = this.#flights.get(name);
    if (underWay !== undefined) return underWay;
    const flight = this.#fetched(info, index, name).finally(() => this.#flights.delete(name));
    this.#flights.set(name, flight);
    return flight;
  }

  async #fetched(info: ObjectInfo, index: number, name: string): Promise<Uint8Array> {
    const start = index * this.#blockBytes;
    const end = Math.min(info.size, start + this.#blockBytes);
    const kept = await this.#blocks.read(name, end - start);
    if (kept !== undefined) return kept;
    const block = await fetchBlock(this.#objects, info, { start, end }).catch((error: unknown) => {
      if (isAshlarError(error, "OBJECT_NOT_FOUND") || isAshlarError(error, "RANGE_NOT_SATISFIABLE")) return undefined;
      throw error;
    });
    if (block === undefined) throw storageError("OBJECT_REPLACED", { key: info.key, etag: info.etag });
    this.#blocks.keep(name, block);
    return block;
  }
}

function streamOf(pieces: AsyncGenerator<Uint8Array>, signal: AbortSignal | undefined): ReadableStream<Uint8Array> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  aborted.catch(() => {});
  const onAbort = (): void => reject(signal?.reason as Error);
  signal?.addEventListener("abort", onAbort, { once: true });
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { value, done } = await Promise.race([pieces.next(), aborted]);
        if (!done) return controller.enqueue(value);
        signal?.removeEventListener("abort", onAbort);
        controller.close();
      },
      cancel() {
        signal?.removeEventListener("abort", onAbort);
        // A block that is under way is for others too: nobody waits for it here.
        pieces.return(undefined).catch(() => {});
      },
    },
    { highWaterMark: 0 },
  );
}
