/** A vector of one entity as {@link VectorLayout} packs it. Bytes 8 to 31 are its stamp: a later one compares greater. */
export interface OnlineEntry {
  /** At most 512 bytes, of any value. */
  readonly key: Uint8Array;
  readonly vector: Uint8Array;
}

export interface OnlineRead {
  /** One per key asked for, in order. */
  readonly vectors: readonly (Uint8Array | undefined)[];
  /**
   * Epoch milliseconds up to which the namespace is materialised, as of a moment no later than the vectors are from: no
   * vector is older than it says.
   */
  readonly watermark: number | undefined;
}

/** A vector to be replaced if it is still what its writer saw. */
export interface OnlineChange {
  readonly key: Uint8Array;
  /** The bytes that must be stored; undefined: none may be. */
  readonly expected: Uint8Array | undefined;
  readonly next: Uint8Array;
}

/** What a store does by itself. */
export interface OnlineStoreCapabilities {
  /**
   * True: a write is all entries and the watermark, or nothing, and a reader sees all of it or nothing. False: every entry
   * is written whole, by itself, and the watermark after the last of them; a write that rejects may have written some, and
   * doing it again writes the rest.
   */
  readonly atomicBatch: boolean;
  /** True: vectors written with `keepMs` go when it is over. False: they stay until they are replaced. */
  readonly expiry: boolean;
}

export interface OnlineExchangeOptions {
  /** For how many milliseconds from now these vectors are of use, a positive whole number; default for ever. */
  readonly keepMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface OnlineWriteOptions extends OnlineExchangeOptions {
  /** Epoch milliseconds; kept if it is later than the one kept. */
  readonly watermark?: number | undefined;
  /** True: no two entries are of one key, so that a store need not look for such. Default false. */
  readonly distinct?: boolean | undefined;
}

/**
 * Where the newest vector of each entity is read from. A namespace is one version of one view, so two versions serve side
 * by side. `describeOnlineStore` of `@ashlar/feature-store/testing` proves an implementation.
 */
export interface OnlineStore extends AsyncDisposable {
  readonly capabilities: OnlineStoreCapabilities;
  /**
   * Writes entries, then the watermark. A vector whose stamp is lower than the stored one's is left out, by a comparison
   * that no concurrent writer can come between; the watermark never goes back. What this resolved with is durable where
   * the store is. Whatever the order of writes, and however often one is repeated, the greatest stamp stays.
   *
   * @throws ONLINE_STORE_UNAVAILABLE, which is retryable, and ONLINE_STORE_REFUSED, from stores behind a network
   */
  write(namespace: string, entries: readonly OnlineEntry[], options?: OnlineWriteOptions): Promise<void>;
  read(
    namespace: string,
    keys: readonly Uint8Array[],
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<OnlineRead>;
  watermark(namespace: string): Promise<number | undefined>;
  /**
   * Every vector of a namespace, some at a time and in no order: each whole, as it was before or after what is written
   * meanwhile. One that is there all the while comes at least once, and may come again.
   *
   * @throws ONLINE_STORE_UNAVAILABLE, which is retryable, and ONLINE_STORE_REFUSED, from stores behind a network
   */
  scan(
    namespace: string,
    options?: { readonly signal?: AbortSignal | undefined },
  ): AsyncIterable<readonly OnlineEntry[]>;
  /**
   * Replaces vectors that are still what the writer saw, each by itself and whatever its stamp, by comparisons that no
   * concurrent writer can come between: the way to change a vector by what it holds. No two changes are of one key. When it
   * rejects, some may have been made: read again before the next try.
   *
   * @returns for each change whether it was made
   * @throws ONLINE_STORE_UNAVAILABLE, which is retryable, and ONLINE_STORE_REFUSED, from stores behind a network
   */
  exchange(
    namespace: string,
    changes: readonly OnlineChange[],
    options?: OnlineExchangeOptions,
  ): Promise<readonly boolean[]>;
  /** Removes every vector and the watermark of a namespace. What is written meanwhile may stay; doing it again is safe. */
  clear(namespace: string, options?: { readonly signal?: AbortSignal | undefined }): Promise<void>;
}

/** Where the stamp of a vector lies. */
export const stampRange = { start: 8, end: 32 } as const;

/** True when `next` may replace `stored`: its stamp is not lower. */
export function mayReplace(stored: Uint8Array | undefined, next: Uint8Array): boolean {
  if (stored === undefined) return true;
  for (let i = stampRange.start; i < stampRange.end; i++) {
    const difference = (next[i] as number) - (stored[i] as number);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

/** True when both are absent, or the same bytes. */
export function sameVector(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return Buffer.compare(a, b) === 0;
}

/** The entries with the greatest stamp of each key: what a store keeps of them, for stores that take a key once a batch. */
export function latestPerKey(
  entries: readonly OnlineEntry[],
  { distinct = false }: Pick<OnlineWriteOptions, "distinct"> = {},
): readonly OnlineEntry[] {
  if (distinct || areDistinct(entries)) return entries;
  const latest = new Map<string, OnlineEntry>();
  for (const entry of entries) {
    const id = keyId(entry.key);
    if (mayReplace(latest.get(id)?.vector, entry.vector)) latest.set(id, entry);
  }
  return [...latest.values()];
}

/** True when no two entries are of one key: a table of hashes finds it without a string for each. */
function areDistinct(entries: readonly OnlineEntry[]): boolean {
  const slots = new Int32Array(2 ** Math.ceil(Math.log2(2 * entries.length + 2)));
  const mask = slots.length - 1;
  for (let i = 0; i < entries.length; i++) {
    const { key } = entries[i] as OnlineEntry;
    let hash = 0x811c9dc5;
    for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ (key[at] as number), 0x01000193);
    let slot = (hash ^ (hash >>> 15)) & mask;
    for (; slots[slot] !== 0; slot = (slot + 1) & mask) {
      if (sameVector(entries[(slots[slot] as number) - 1]?.key, key)) return false;
    }
    slots[slot] = i + 1;
  }
  return true;
}

/** A key as a string of its bytes, to look it up by. */
export function keyId(key: Uint8Array): string {
  const bytes = key instanceof Buffer ? key : Buffer.from(key.buffer, key.byteOffset, key.length);
  return bytes.toString("latin1");
}
