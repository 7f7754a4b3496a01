import { type Bytes, type Clock, type ObjectStore, systemClock } from "@ashlar/core";
import { type Duration, durationMs } from "../duration.ts";
import { storageError } from "../errors.ts";
import { Blobs } from "./blobs.ts";
import { type CollectOptions, type CollectResult, Collector } from "./collect.ts";
import { concurrently } from "./concurrently.ts";
import { Contents } from "./contents.ts";
import { assertDigest, type Digest, Digesting, digestOf, drain, mismatch, verified } from "./digest.ts";
import { gathered } from "./gathered.ts";
import { incomingAt, sweepIncoming } from "./incoming.ts";
import { digestLocal, readLocal } from "./local-file.ts";
import { type Descriptor, type Manifest, unknownMediaType } from "./manifest.ts";
import { type ManifestInput, Manifests } from "./manifests.ts";
import { upTo } from "./streams.ts";
import { beginUpload, resumeUpload, type Upload, type UploadOptions } from "./upload.ts";

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface PutBlobOptions extends CallOptions {
  /** What the body must have. A stream then goes straight to its place instead of being put aside first. */
  readonly digest?: string;
}

export interface StoredBlob {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

/**
 * Bytes by their SHA-256: what is stored once is stored for good, and what is read is what was put. What no root
 * reaches is deleted by `collect`, and by nothing else: make what you put reachable within half the store's grace.
 */
export interface ArtifactStore {
  /** Stores bytes; the same bytes are stored once. @throws DIGEST_MISMATCH, DIGEST_INVALID, ARTIFACT_CONTENDED */
  putBlob(body: Bytes, options?: PutBlobOptions): Promise<StoredBlob>;
  /**
   * Stores many, `concurrency` (16) at once; bodies of at most 64 KiB that follow one another count as one up to 1,024 of
   * them, and 32 or more that are not there yet become one object, a pack. Results in the order of the bodies.
   */
  putBlobs(
    bodies: Iterable<Bytes> | AsyncIterable<Bytes>,
    options?: CallOptions & { readonly concurrency?: number },
  ): Promise<readonly StoredBlob[]>;
  /** Stores a file of this machine, written once whatever its size. @throws DIGEST_MISMATCH when it changes meanwhile */
  putFile(path: string, options?: CallOptions & { readonly mediaType?: string }): Promise<Required<Descriptor>>;
  /**
   * Bytes are verified as they stream: with a wrong byte anywhere the stream fails before its end. Use nothing of a
   * stream that failed. @throws ARTIFACT_NOT_FOUND, ARTIFACT_CORRUPT, DIGEST_INVALID
   */
  getBlob(digest: string, options?: CallOptions): Promise<ReadableStream<Uint8Array>>;
  /**
   * The key of an object that is this blob, and will be for as long as a root reaches it. Of a blob in a pack it is put
   * now. @throws ARTIFACT_NOT_FOUND, ARTIFACT_CORRUPT, DIGEST_INVALID
   */
  locate(digest: string, options?: CallOptions): Promise<string>;
  /** @throws DIGEST_INVALID */
  has(digest: string, options?: CallOptions): Promise<boolean>;
  /** Stores a manifest whose blobs are all there. @throws MANIFEST_INVALID, DIGEST_INVALID, ARTIFACT_NOT_FOUND */
  putManifest(manifest: ManifestInput): Promise<Digest>;
  /** @throws ARTIFACT_NOT_FOUND, ARTIFACT_CORRUPT, DIGEST_INVALID */
  getManifest(digest: string): Promise<Manifest>;
  /** One file of a manifest, verified as `getBlob` does. @throws FILE_NOT_IN_MANIFEST, and what `getManifest` throws */
  getFile(manifest: string | Manifest, name: string, options?: CallOptions): Promise<ReadableStream<Uint8Array>>;
  /** Begins a blob that arrives in parts. @throws DIGEST_INVALID, UPLOAD_INVALID */
  createUpload(options?: UploadOptions): Promise<Upload>;
  /** Takes up an upload where it was left. @throws UPLOAD_NOT_FOUND */
  resumeUpload(id: string): Promise<Upload>;
  /**
   * Deletes what no root reaches and is older than the grace; anybody may store and read meanwhile. What is in a pack
   * of which roots reach half of the bytes or more stays with it.
   * @throws COLLECT_REFUSED, ARTIFACT_NOT_FOUND for a root that is not there
   */
  collect(options: CollectOptions): Promise<CollectResult>;
}

export interface ArtifactStoreOptions {
  /** Must put atomically and decide `ifAbsent`. */
  readonly objects: ObjectStore;
  /**
   * Milliseconds after which what was put aside and never published is taken for the leftover of a dead process, and
   * deleted by the next long stream, upload or collection. Must be longer than any upload rests. @default 86_400_000, a day
   */
  readonly incomingLeaseMs?: number;
  /**
   * How long unreachable content is kept. All who use the same objects must agree on it, and no single call to the
   * object store may take effect later than half of it. @default "24h"
   */
  readonly grace?: Duration;
  /** Must agree with the object store's `lastModified`, within a small part of the grace. @default the clock of this machine */
  readonly clock?: Clock;
}

/** Bodies up to this size are held in memory until their digest is known. */
const inMemoryBytes = 8 * 1024 * 1024;
const defaultConcurrency = 16;

/**
 * A content-addressed store. A blob is at `blobs/sha256/<2 digits>/<digest>`, or with others in a pack at
 * `blobs/packs/...`, a manifest at `manifests/sha256/...`. Long
 * bodies whose digest is not known yet are put aside under `incoming/`, then published by an atomic put: after a crash a
 * blob is whole or not there. What a crash leaves under `incoming/` is never read, and swept once older than the lease.
 *
 * @throws LEASE_INVALID, DURATION_INVALID
 */
export function createArtifactStore(options: ArtifactStoreOptions): ArtifactStore {
  const { objects, incomingLeaseMs = 86_400_000, grace = "24h", clock = systemClock } = options;
  if (!(incomingLeaseMs > 0)) throw storageError("LEASE_INVALID", { name: "incomingLeaseMs", value: incomingLeaseMs });
  return new ObjectArtifactStore(objects, clock, incomingLeaseMs, durationMs("grace", grace));
}

class ObjectArtifactStore implements ArtifactStore {
  readonly #objects: ObjectStore;
  readonly #clock: Clock;
  readonly #leaseMs: number;
  readonly #graceMs: number;
  readonly #blobs: Blobs;
  readonly #manifests: Manifests;
  #sweptAt = -Infinity;

  constructor(objects: ObjectStore, clock: Clock, leaseMs: number, graceMs: number) {
    this.#objects = objects;
    this.#clock = clock;
    this.#leaseMs = leaseMs;
    this.#graceMs = graceMs;
    const context = { objects, clock, graceMs };
    this.#blobs = new Blobs(context);
    this.#manifests = new Manifests(new Contents("manifests", context), this.#blobs);
  }

  async putBlob(body: Bytes, { digest, signal }: PutBlobOptions = {}): Promise<StoredBlob> {
    const call = signal === undefined ? {} : { signal };
    if (digest !== undefined) {
      assertDigest(digest);
      return this.#putKnown(body, digest, call);
    }
    const whole = body instanceof Uint8Array ? body : await upTo(body, inMemoryBytes);
    return whole instanceof Uint8Array ? this.#putBytes(whole, call) : this.#putUnknown(whole, call);
  }

  async #putBytes(bytes: Uint8Array, options: CallOptions): Promise<StoredBlob> {
    const digest = digestOf(bytes);
    await this.#blobs.publish(digest, () => bytes, options);
    return { digest, size: bytes.byteLength };
  }

  /** The body is verified on its way, or to its end when the blob is there. */
  async #putKnown(body: Bytes, digest: Digest, options: CallOptions): Promise<StoredBlob> {
    if (body instanceof Uint8Array) {
      const found = digestOf(body);
      if (found !== digest) throw mismatch(digest, `its bytes have the digest ${found}`);
      return this.#putBytes(body, options);
    }
    let size = 0;
    const checked = verified(body, { digest, failure: mismatch, onEnd: (bytes) => (size = bytes) });
    let used = false;
    await this.#blobs.publish(
      digest,
      () => {
        if (used) throw storageError("ARTIFACT_CONTENDED", { digest, attempts: 1 });
        used = true;
        return checked;
      },
      options,
    );
    if (!used) await drain(checked);
    return { digest, size };
  }

  async #putUnknown(body: ReadableStream<Uint8Array>, options: CallOptions): Promise<StoredBlob> {
    await this.#sweep();
    const incoming = incomingAt(crypto.randomUUID(), "body");
    const passing = new Digesting();
    try {
      await this.#objects.put(incoming, passing.through(body), options);
      const digest = passing.digest();
      // Verified again on the way: what was put aside may have been altered meanwhile.
      const again = async (): Promise<Bytes> =>
        verified((await this.#objects.get(incoming, options)).stream(), { digest });
      await this.#blobs.publish(digest, again, options);
      return { digest, size: passing.size };
    } finally {
      await this.#objects.delete(incoming);
    }
  }

  /** At most once per lease. */
  async #sweep(): Promise<void> {
    const now = this.#clock.now();
    if (now - this.#sweptAt < this.#leaseMs) return;
    this.#sweptAt = now;
    await sweepIncoming(this.#objects, this.#clock, this.#leaseMs);
  }

  async putBlobs(
    bodies: Iterable<Bytes> | AsyncIterable<Bytes>,
    options: CallOptions & { readonly concurrency?: number } = {},
  ): Promise<readonly StoredBlob[]> {
    const { concurrency = defaultConcurrency, ...call } = options;
    const stored = await concurrently(gathered(bodies), Math.max(1, concurrency), async (body) =>
      Array.isArray(body) ? this.#putSmall(body, call) : [await this.putBlob(body, call)],
    );
    return stored.flat();
  }

  async #putSmall(bodies: readonly Uint8Array[], call: CallOptions): Promise<readonly StoredBlob[]> {
    const blobs = bodies.map((body): StoredBlob => ({ digest: digestOf(body), size: body.byteLength }));
    await this.#blobs.publishAll(new Map(blobs.map(({ digest }, n) => [digest, bodies[n] as Uint8Array])), call);
    return blobs;
  }

  async putFile(
    path: string,
    { mediaType = unknownMediaType, signal }: CallOptions & { readonly mediaType?: string } = {},
  ): Promise<Required<Descriptor>> {
    const call = signal === undefined ? {} : { signal };
    const whole = await upTo(readLocal(path, signal), inMemoryBytes);
    if (whole instanceof Uint8Array) return { ...(await this.#putBytes(whole, call)), mediaType };
    await whole.cancel();
    const { digest, size } = await digestLocal(path, signal);
    const body = (): Bytes => verified(readLocal(path, signal), { digest, size, failure: mismatch });
    await this.#blobs.publish(digest, body, call);
    return { digest, size, mediaType };
  }

  async getBlob(digest: string, options: CallOptions = {}): Promise<ReadableStream<Uint8Array>> {
    assertDigest(digest);
    return verified(await this.#blobs.open(digest, options), { digest });
  }

  async locate(digest: string, options: CallOptions = {}): Promise<string> {
    assertDigest(digest);
    return this.#blobs.locate(digest, options);
  }

  async has(digest: string, options: CallOptions = {}): Promise<boolean> {
    assertDigest(digest);
    return this.#blobs.has(digest, options);
  }

  async putManifest(manifest: ManifestInput): Promise<Digest> {
    return this.#manifests.put(manifest);
  }

  async getManifest(digest: string): Promise<Manifest> {
    assertDigest(digest);
    const manifest = await this.#manifests.find(digest);
    if (manifest === undefined) throw storageError("ARTIFACT_NOT_FOUND", { digest });
    return manifest;
  }

  async getFile(
    manifest: string | Manifest,
    name: string,
    options: CallOptions = {},
  ): Promise<ReadableStream<Uint8Array>> {
    const { files } = typeof manifest === "string" ? await this.getManifest(manifest) : manifest;
    const file = Object.hasOwn(files, name) ? files[name] : undefined;
    if (file === undefined) {
      throw storageError("FILE_NOT_IN_MANIFEST", { name, known: Object.keys(files).length });
    }
    assertDigest(file.digest);
    const { digest, size } = file;
    const stored = await this.#blobs.open(digest, options);
    return verified(stored, { digest, ...(size === undefined ? {} : { size }) });
  }

  async createUpload(options: UploadOptions = {}): Promise<Upload> {
    await this.#sweep();
    return beginUpload(this.#objects, this.#blobs, options);
  }

  async resumeUpload(id: string): Promise<Upload> {
    return resumeUpload(this.#objects, this.#blobs, id);
  }

  async collect(options: CollectOptions): Promise<CollectResult> {
    const context = { objects: this.#objects, clock: this.#clock, graceMs: this.#graceMs };
    const filesOf = async (digest: Digest, signal?: AbortSignal): Promise<readonly Digest[] | undefined> => {
      const manifest = await this.#manifests.find(digest, signal === undefined ? {} : { signal });
      return manifest === undefined ? undefined : Object.values(manifest.files).map((file) => file.digest);
    };
    const collector = new Collector(context, { filesOf, blobs: this.#blobs }, options);
    if (options.dryRun !== true) await this.#sweep();
    return collector.run();
  }
}
