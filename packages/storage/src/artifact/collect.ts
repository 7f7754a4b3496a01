import { isAshlarError, type ObjectInfo } from "@ashlar/core";
import { type Duration, durationMs } from "../duration.ts";
import { storageError } from "../errors.ts";
import type { Blobs } from "./blobs.ts";
import { concurrently } from "./concurrently.ts";
import type { ContentsContext } from "./contents.ts";
import { assertDigest, type Digest } from "./digest.ts";
import type { PackEntry } from "./pack.ts";
import {
  annexesOf,
  condemnedAt,
  collectedPrefixes,
  contentAt,
  homeOf,
  type Kind,
  leasesOf,
  type Subject,
  subjectOf,
} from "./places.ts";

export type Roots = Iterable<string> | AsyncIterable<string>;

export interface CollectOptions {
  /**
   * The digests that are in use: of manifests, which keep their files, and of blobs. Asked for once the run has begun,
   * so give a function where the list may grow. A root that is not there ends the run before anything is deleted.
   */
  readonly roots: Roots | (() => Roots | Promise<Roots>);
  /** What is younger is kept whether it is reachable or not; at least the store's own. @default that of the store */
  readonly grace?: Duration;
  /** Tells what would be deleted, and changes nothing. @default false */
  readonly dryRun?: boolean;
  /** Called for each digest that was, or would be, deleted. */
  readonly onCollected?: (collected: Collected) => void;
  readonly signal?: AbortSignal;
}

export interface Collected {
  readonly kind: "blobs" | "manifests";
  readonly digest: Digest;
  /** Bytes in the object store. */
  readonly size: number;
}

export interface CollectResult {
  /** Digests that the roots reach. */
  readonly reachable: number;
  readonly deleted: { readonly blobs: number; readonly manifests: number; readonly bytes: number };
  /** Unreachable and old, but leased by someone who found it there, or in another collector's hands. */
  readonly spared: number;
}

const callsAtOnce = 8;
const nothing = new Uint8Array(0);

/** What a collector asks of the store whose objects it deletes. */
export interface CollectorStore {
  /** The blobs that a manifest keeps; undefined when the digest is not that of a manifest. */
  readonly filesOf: (digest: Digest, signal?: AbortSignal) => Promise<readonly Digest[] | undefined>;
  readonly blobs: Blobs;
}

/** What is to be deleted. */
interface Condemned extends Subject {
  /** What of a pack roots reach, and is moved out before; what they do not, and goes with it. */
  readonly alive?: readonly PackEntry[];
  readonly dead?: readonly PackEntry[];
}

/**
 * Marks what the roots reach and deletes what they do not. `architecture/artifacts.md` has the argument why content that
 * somebody stores, or finds stored, meanwhile is never lost, and why a collector may be killed at any call.
 */
export class Collector {
  readonly #context: ContentsContext;
  readonly #store: CollectorStore;
  readonly #options: CollectOptions;
  readonly #graceMs: number;
  readonly #begun: number;
  readonly #reachable: Set<string> = new Set();
  #blobs = 0;
  #manifests = 0;
  #bytes = 0;
  #spared = 0;

  /** @throws COLLECT_REFUSED, DURATION_INVALID */
  constructor(context: ContentsContext, store: CollectorStore, options: CollectOptions) {
    this.#context = context;
    this.#store = store;
    this.#options = options;
    this.#graceMs = durationMs("grace", options.grace ?? context.graceMs);
    if (this.#graceMs < context.graceMs) {
      const problem = `the grace is ${this.#graceMs} ms, but those who store here count on ${context.graceMs} ms`;
      throw storageError("COLLECT_REFUSED", { problem, remedy: "Give a longer grace, or none." });
    }
    if (!context.objects.capabilities.conditionalPut) {
      const problem = "the object store does not decide ifAbsent and ifMatch";
      throw storageError("COLLECT_REFUSED", { problem, remedy: "Keep the artifacts in a store that does." });
    }
    this.#begun = context.clock.now();
  }

  /** @throws ARTIFACT_NOT_FOUND, ARTIFACT_CORRUPT, DIGEST_INVALID for a root; COLLECT_REFUSED when it took too long */
  async run(): Promise<CollectResult> {
    await this.#mark();
    for (const prefix of collectedPrefixes) {
      await concurrently(this.#unreachable(prefix), callsAtOnce, (condemned) => this.#collect(condemned));
    }
    if (this.#options.dryRun !== true) await this.#tidy();
    const deleted = { blobs: this.#blobs, manifests: this.#manifests, bytes: this.#bytes };
    return { reachable: this.#reachable.size, deleted, spared: this.#spared };
  }

  async #mark(): Promise<void> {
    const { roots, signal } = this.#options;
    for await (const root of typeof roots === "function" ? await roots() : roots) {
      signal?.throwIfAborted();
      assertDigest(root);
      const files = await this.#store.filesOf(root, signal);
      const isBlob = await this.#isBlob(root, files === undefined);
      if (files === undefined && !isBlob) throw storageError("ARTIFACT_NOT_FOUND", { digest: root });
      if (files !== undefined) this.#reachable.add(homeOf("manifests", root));
      for (const digest of [...(files ?? []), ...(isBlob ? [root] : [])]) this.#reachable.add(homeOf("blobs", digest));
    }
  }

  /** Packs are looked into for what is nowhere else. */
  async #isBlob(digest: Digest, isNothingElse: boolean): Promise<boolean> {
    if ((await this.#locations("blobs", digest)).length > 0) return true;
    return isNothingElse && this.#store.blobs.has(digest, this.#call());
  }

  async *#unreachable(prefix: string): AsyncIterable<Condemned> {
    let last: Digest | undefined;
    for await (const { key, lastModified } of this.#context.objects.list(prefix, this.#call())) {
      const content = contentAt(key);
      if (content === undefined || content.digest === last || this.#isYoung(lastModified)) continue;
      last = content.digest;
      const condemned = content.kind === "packs" ? await this.#sparse(content.digest) : this.#unreached(content);
      if (condemned !== undefined) yield condemned;
    }
  }

  #unreached(content: Subject): Condemned | undefined {
    return this.#reachable.has(homeOf(content.kind, content.digest)) ? undefined : content;
  }

  /** A pack of which roots reach less than half; one that cannot be read stays. */
  async #sparse(digest: Digest): Promise<Condemned | undefined> {
    const index = await this.#store.blobs.packs.index(digest, this.#call());
    if (index === undefined) return undefined;
    const alive: PackEntry[] = [];
    const dead: PackEntry[] = [];
    for (const entry of index.entries()) {
      (this.#reachable.has(homeOf("blobs", entry.digest)) ? alive : dead).push(entry);
    }
    const aliveBytes = alive.reduce((sum, { size }) => sum + size, 0);
    return 2 * aliveBytes < index.bodyBytes ? { kind: "packs", digest, alive, dead } : undefined;
  }

  /** Put, or leased, so late that its root may have been missed: see {@link CollectOptions.grace}. */
  #isYoung(lastModified: number): boolean {
    return lastModified > this.#begun - this.#graceMs;
  }

  async #collect(subject: Condemned): Promise<void> {
    const { kind, digest } = subject;
    this.#assertInTime();
    if (this.#options.dryRun === true) {
      const locations = await this.#deletable(kind, digest);
      return locations.length > 0 ? this.#count(subject, locations) : undefined;
    }
    const { clock, objects } = this.#context;
    const condemnedSince = clock.now();
    if (!(await this.#condemn(kind, digest))) {
      this.#spared += 1;
      return;
    }
    // First the marker, then a look for leases: whoever leased before is seen, whoever comes later sees the marker.
    const deletable = await this.#deletable(kind, digest);
    const locations = deletable.length > 0 && (await this.#movedOut(subject)) ? deletable : [];
    for (const { key } of locations) {
      if (!this.#holds(condemnedSince)) return;
      await objects.delete(key, this.#call());
    }
    if (this.#holds(condemnedSince)) await objects.delete(condemnedAt(kind, digest), this.#call());
    if (locations.length === 0) this.#spared += 1;
    else this.#count(subject, locations);
  }

  /** Whether all that roots reach is kept elsewhere: a pack that is damaged stays with what is left of it. */
  async #movedOut({ digest, alive = [] }: Condemned): Promise<boolean> {
    if (alive.length === 0) return true;
    try {
      const digests = alive.map((entry) => entry.digest);
      await this.#store.blobs.moveOut(digest, digests, this.#call());
      return true;
    } catch (error) {
      if (isAshlarError(error, "ARTIFACT_CORRUPT") || isAshlarError(error, "ARTIFACT_NOT_FOUND")) return false;
      throw error;
    }
  }

  /** Puts the marker, or takes over one whose owner can do nothing any more. */
  async #condemn(kind: Kind, digest: Digest): Promise<boolean> {
    const { clock, objects } = this.#context;
    const key = condemnedAt(kind, digest);
    const marker = await objects.head(key, this.#call());
    if (marker !== undefined && marker.lastModified > clock.now() - this.#graceMs) return false;
    const condition = marker === undefined ? { ifAbsent: true } : { ifMatch: marker.etag };
    try {
      await objects.put(key, nothing, { ...condition, ...this.#call() });
      return true;
    } catch (error) {
      if (isAshlarError(error, "PRECONDITION_FAILED")) return false;
      throw error;
    }
  }

  /** A marker is its owner's for half a grace: what was begun by then is over when another may take it. */
  #holds(condemnedSince: number): boolean {
    return this.#context.clock.now() - condemnedSince < this.#context.graceMs / 2;
  }

  /** Nothing, when somebody leased the content, or put it anew. */
  async #deletable(kind: Kind, digest: Digest): Promise<readonly ObjectInfo[]> {
    for await (const { lastModified } of this.#context.objects.list(leasesOf(kind, digest), this.#call())) {
      if (this.#isYoung(lastModified)) return [];
    }
    const locations = await this.#locations(kind, digest);
    this.#assertInTime();
    return locations.some((info) => this.#isYoung(info.lastModified)) ? [] : locations;
  }

  async #locations(kind: Kind, digest: Digest): Promise<readonly ObjectInfo[]> {
    const { objects } = this.#context;
    const home = await objects.head(homeOf(kind, digest), this.#call());
    const locations = home === undefined ? [] : [home];
    for await (const info of objects.list(annexesOf(kind, digest), this.#call())) locations.push(info);
    return locations;
  }

  /** Leases are kept for two graces: a run that lasts longer than one could miss some that it needs. */
  #assertInTime(): void {
    this.#options.signal?.throwIfAborted();
    if (this.#context.clock.now() - this.#begun < this.#context.graceMs) return;
    const problem = `the run has lasted longer than the grace of ${this.#context.graceMs} ms`;
    throw storageError("COLLECT_REFUSED", { problem, remedy: "What was deleted so far was rightly so. Run it again." });
  }

  #count({ kind, digest, dead = [] }: Condemned, locations: readonly ObjectInfo[]): void {
    if (kind === "packs") {
      this.#blobs += dead.length;
      for (const { digest: blob, size } of dead) {
        this.#bytes += size;
        this.#options.onCollected?.({ kind: "blobs", digest: blob, size });
      }
      return;
    }
    const size = locations.reduce((sum, location) => sum + location.size, 0);
    if (kind === "blobs") this.#blobs += 1;
    else this.#manifests += 1;
    this.#bytes += size;
    this.#options.onCollected?.({ kind, digest, size });
  }

  /** Deletes leases that bind nobody any more, and markers of killed collectors whose content is in use, or gone. */
  async #tidy(): Promise<void> {
    const { clock, objects } = this.#context;
    for await (const { key, lastModified } of objects.list("leases/", this.#call())) {
      if (lastModified < clock.now() - 2 * this.#graceMs) await objects.delete(key, this.#call());
    }
    for await (const { key, lastModified } of objects.list("condemned/", this.#call())) {
      const subject = subjectOf(key);
      if (subject === undefined || lastModified > clock.now() - this.#graceMs) continue;
      const condemnedSince = clock.now();
      if (!(await this.#condemn(subject.kind, subject.digest))) continue;
      if (this.#holds(condemnedSince)) await objects.delete(key, this.#call());
    }
  }

  #call(): { readonly signal?: AbortSignal } {
    return this.#options.signal === undefined ? {} : { signal: this.#options.signal };
  }
}
