/** A vector of one entity as {@link VectorLayout} packs it. Bytes 8 to 31 are its stamp: a later one compares greater. */
export interface OnlineEntry {
  readonly key: Uint8Array;
  readonly vector: Uint8Array;
}

export interface OnlineRead {
  /** One per key asked for, in order. */
  readonly vectors: readonly (Uint8Array | undefined)[];
  /** Epoch milliseconds up to which the namespace is materialised. */
  readonly watermark: number | undefined;
}

/**
 * Where the newest vector of each entity is read from. A namespace is one version of one view, so two versions serve side
 * by side. `describeOnlineStore` of `@ashlar/feature-store/testing` proves an implementation.
 */
export interface OnlineStore extends AsyncDisposable {
  /**
   * Writes all entries and the watermark, or nothing. A vector whose stamp is lower than the stored one's is left out, and
   * the watermark never goes back. What this resolved with is durable where the store is.
   */
  write(
    namespace: string,
    entries: readonly OnlineEntry[],
    options?: { readonly watermark?: number | undefined; readonly signal?: AbortSignal | undefined },
  ): Promise<void>;
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
