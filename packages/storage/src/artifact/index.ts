import { type Bytes, type Clock, isAshlarError, type ObjectStore, systemClock, toBytes } from "@ashlar/core";
import { storageError } from "../errors.ts";
import { assertDigest, type Digest, Digesting, digestOf, verified } from "./digest.ts";
import { assertManifest, type Manifest, manifestText, parseManifest } from "./manifest.ts";

export type { Digest } from "./digest.ts";
export type { Manifest } from "./manifest.ts";

export interface PutBlobOptions {
  readonly signal?: AbortSignal;
}

/** Bytes by their SHA-256: what is stored once is stored for good, and what is read is what was put. */
export interface ArtifactStore {
  /** Stores bytes; the same bytes are stored once. */
  putBlob(body: Bytes, options?: PutBlobOptions): Promise<{ readonly digest: Digest; readonly size: number }>;
  /**
   * Bytes are verified as they stream: with a wrong byte anywhere the stream fails before its end. Use nothing of a
   * stream that failed. @throws ARTIFACT_NOT_FOUND, ARTIFACT_CORRUPT, DIGEST_INVALID
   */
  getBlob(digest: string, options?: PutBlobOptions): Promise<ReadableStream<Uint8Array>>;
  /** @throws DIGEST_INVALID */
  has(digest: string): Promise<boolean>;
  /** Stores a manifest whose blobs are all there. @throws MANIFEST_INVALID, DIGEST_INVALID, ARTIFACT_NOT_FOUND */
  putManifest(manifest: Manifest): Promise<Digest>;
  /** @throws ARTIFACT_NOT_FOUND, ARTIFACT_CORRUPT, DIGEST_INVALID */
  getManifest(digest: string): Promise<Manifest>;
}

export interface ArtifactStoreOptions {
  /** Must put atomically and decide `ifAbsent`. */
  readonly objects: ObjectStore;
  /**
   * Milliseconds after which what was put aside and never published is taken for the leftover of a dead process, and
   * deleted by the first `putBlob` of a stream. Must be longer than any upload lasts. @default 86_400_000, a day
   */
  readonly incomingLeaseMs?: number;
  /** Must agree with the object store's `lastModified`. @default the clock of this machine */
  readonly clock?: Clock;
}

/**
 * A content-addressed store. A blob is at `blobs/sha256/<2 digits>/<digest>`, a manifest at `manifests/sha256/...`. Bytes
 * whose digest is not known yet are put aside under `incoming/`, then published by an atomic put: after a crash a blob is
 * whole or not there. What a crash leaves under `incoming/` is never read, and swept once it is older than the lease.
 *
 * @throws LEASE_INVALID
 */
export function createArtifactStore(options: ArtifactStoreOptions): ArtifactStore {
  const { objects, incomingLeaseMs = 86_400_000, clock = systemClock } = options;
  if (!(incomingLeaseMs > 0)) throw storageError("LEASE_INVALID", { name: "incomingLeaseMs", value: incomingLeaseMs });
  return new ObjectArtifactStore(objects, incomingLeaseMs, clock);
}

class ObjectArtifactStore implements ArtifactStore {
  readonly #objects: ObjectStore;
  readonly #leaseMs: number;
  readonly #clock: Clock;
  #sweptAt = -Infinity;

  constructor(objects: ObjectStore, leaseMs: number, clock: Clock) {
    this.#objects = objects;
    this.#leaseMs = leaseMs;
    this.#clock = clock;
  }

  async putBlob(
    body: Bytes,
    options: PutBlobOptions = {},
  ): Promise<{ readonly digest: Digest; readonly size: number }> {
    if (body instanceof Uint8Array) {
      const digest = digestOf(body);
      await this.#publish(keyOf("blobs", digest), body, options);
      return { digest, size: body.byteLength };
    }
    await this.#sweep();
    const incoming = `incoming/${crypto.randomUUID()}`;
    const passing = new Digesting();
    try {
      await this.#objects.put(incoming, passing.through(body), options);
      const digest = passing.digest();
      const key = keyOf("blobs", digest);
      if ((await this.#objects.head(key)) === undefined) {
        // Verified again on the way: what was put aside may have been altered meanwhile.
        await this.#publish(key, verified((await this.#objects.get(incoming)).stream(), digest), options);
      }
      return { digest, size: passing.size };
    } finally {
      await this.#objects.delete(incoming);
    }
  }

  /** Deletes what dead processes have left aside, at most once per lease. */
  async #sweep(): Promise<void> {
    const now = this.#clock.now();
    if (now - this.#sweptAt < this.#leaseMs) return;
    this.#sweptAt = now;
    for await (const { key, lastModified } of this.#objects.list("incoming/")) {
      if (now - lastModified > this.#leaseMs) await this.#objects.delete(key);
    }
  }

  async #publish(key: string, body: Bytes, options: PutBlobOptions = {}): Promise<void> {
    if (body instanceof Uint8Array && (await this.#objects.head(key)) !== undefined) return;
    try {
      await this.#objects.put(key, body, { ...options, ifAbsent: true });
    } catch (error) {
      // The same bytes were published meanwhile.
      if (!isAshlarError(error, "PRECONDITION_FAILED")) throw error;
    }
  }

  async getBlob(digest: string, options: PutBlobOptions = {}): Promise<ReadableStream<Uint8Array>> {
    assertDigest(digest);
    return this.#read(keyOf("blobs", digest), digest, options);
  }

  async #read(key: string, digest: Digest, options: PutBlobOptions = {}): Promise<ReadableStream<Uint8Array>> {
    try {
      return verified((await this.#objects.get(key, options)).stream(), digest);
    } catch (cause) {
      if (isAshlarError(cause, "OBJECT_NOT_FOUND")) throw storageError("ARTIFACT_NOT_FOUND", { digest }, { cause });
      throw cause;
    }
  }

  async has(digest: string): Promise<boolean> {
    assertDigest(digest);
    return (await this.#objects.head(keyOf("blobs", digest))) !== undefined;
  }

  async putManifest(manifest: Manifest): Promise<Digest> {
    assertManifest(manifest);
    for (const digest of Object.values(manifest.files)) {
      if (!(await this.has(digest))) throw storageError("ARTIFACT_NOT_FOUND", { digest });
    }
    const bytes = new TextEncoder().encode(manifestText(manifest));
    const digest = digestOf(bytes);
    await this.#publish(keyOf("manifests", digest), bytes);
    return digest;
  }

  async getManifest(digest: string): Promise<Manifest> {
    assertDigest(digest);
    const bytes = await toBytes(await this.#read(keyOf("manifests", digest), digest));
    const manifest = parseManifest(new TextDecoder().decode(bytes));
    if (manifest === undefined) throw storageError("ARTIFACT_CORRUPT", { digest, reason: "it is not a manifest" });
    return manifest;
  }
}

function keyOf(kind: "blobs" | "manifests", digest: Digest): string {
  const hex = digest.slice("sha256:".length);
  return `${kind}/sha256/${hex.slice(0, 2)}/${hex}`;
}
