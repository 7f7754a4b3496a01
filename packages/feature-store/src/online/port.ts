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

export interface OnlineWriteOptions {
  /** Epoch milliseconds; kept if it is later than the one kept. */
  readonly watermark?: number | undefined;
  /** For how many milliseconds from now these vectors are of use, a positive whole number; default for ever. */
  readonly keepMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
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

/** A key as a string of its bytes, to look it up by. */
export function keyId(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1");
}
