import type { Bytes } from "@ashlar/core";

/** A blob that is stored. */
export interface StoredBlob {
  /** `sha256:<64 hex digits>` of the content. */
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
}

/**
 * Where the bytes of models are kept, under the digest of their content. The artifact store of `@ashlar/storage` is
 * one; {@link objectStoreArtifacts} makes one of any `ObjectStore`.
 */
export interface ArtifactStore {
  /** Durable when it resolves. The same content twice is stored once. */
  putBlob(body: Bytes, options?: { readonly signal?: AbortSignal }): Promise<StoredBlob>;
  /** The content, verified while it is read: wrong bytes end in an error, never in the end of the stream. */
  getBlob(
    digest: string,
    options?: { readonly signal?: AbortSignal },
  ): ReadableStream<Uint8Array> | Promise<ReadableStream<Uint8Array>>;
  has(digest: string, options?: { readonly signal?: AbortSignal }): Promise<boolean>;
}
