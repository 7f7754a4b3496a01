import type { ObjectInfo, ObjectStore } from "@ashlar/core";
import { type Duration, durationMs } from "../duration.ts";
import { storageError } from "../errors.ts";
import type { Blobs } from "./blobs.ts";
import { concurrently } from "./concurrently.ts";
import type { ContentsContext } from "./contents.ts";
import { assertDigest, type Digest } from "./digest.ts";
import { type Deletable, Markers } from "./markers.ts";
import { worthMerging } from "./merge-plan.ts";
import type { PackEntry } from "./pack.ts";
import { collectedPrefixes, contentAt, homeOf, multiPackIndexOf, type Subject } from "./places.ts";

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
/** What roots reach of sparse packs is moved out together until it is so many blobs, so many bytes, or of so many packs. */
const movedTogether = { blobs: 1024, bytes: 4 * 1024 * 1024, packs: 64 };

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
  readonly #objects: ObjectStore;
  readonly #store: CollectorStore;
  readonly #options: CollectOptions;
  readonly #markers: Markers;
  readonly #reachable: Set<string> = new Set();
  #blobs = 0;
  #manifests = 0;
  #bytes = 0;
  #spared = 0;
  /** Places of packs, and multi-pack indexes, that listings gave. */
  #packs = 0;
  #indexes = 0;

  /** @throws COLLECT_REFUSED, DURATION_INVALID */
  constructor(context: ContentsContext, store: CollectorStore, options: CollectOptions) {
    this.#objects = context.objects;
    this.#store = store;
    this.#options = options;
    const graceMs = durationMs("grace", options.grace ?? context.graceMs);
    if (graceMs < context.graceMs) {
      const problem = `the grace is ${graceMs} ms, but those who store here count on ${context.graceMs} ms`;
      throw storageError("COLLECT_REFUSED", { problem, remedy: "Give a longer grace, or none." });
    }
    if (!context.objects.capabilities.conditionalPut) {
      const problem = "the object store does not decide ifAbsent and ifMatch";
      throw storageError("COLLECT_REFUSED", { problem, remedy: "Keep the artifacts in a store that does." });
    }
    this.#markers = new Markers(context, { graceMs, begun: context.clock.now(), signal: options.signal });
  }

  /** @throws ARTIFACT_NOT_FOUND, ARTIFACT_CORRUPT, DIGEST_INVALID for a root; COLLECT_REFUSED when it took too long */
  async run(): Promise<CollectResult> {
    await this.#mark();
    const isDry = this.#options.dryRun === true;
    for (const prefix of collectedPrefixes) {
      await concurrently(together(this.#unreachable(prefix)), callsAtOnce, (condemned) =>
        isDry ? this.#foresee(condemned) : this.#collect(condemned),
      );
    }
    if (!isDry) await this.#markers.tidy();
    if (!isDry && this.#isWorthTidying()) await this.#store.blobs.packs.tidy(this.#call());
    const deleted = { blobs: this.#blobs, manifests: this.#manifests, bytes: this.#bytes };
    return { reachable: this.#reachable.size, deleted, spared: this.#spared };
  }

  #isWorthTidying(): boolean {
    return this.#indexes > 0 || this.#packs >= worthMerging;
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
    if ((await this.#markers.locations("blobs", digest)).length > 0) return true;
    return isNothingElse && this.#store.blobs.has(digest, this.#call());
  }

  async *#unreachable(prefix: string): AsyncIterable<Condemned> {
    let last: Digest | undefined;
    for await (const { key, lastModified } of this.#objects.list(prefix, this.#call())) {
      const content = contentAt(key);
      if (content?.kind === "packs") this.#packs += 1;
      if (multiPackIndexOf(key) !== undefined) this.#indexes += 1;
      if (content === undefined || content.digest === last || this.#markers.isYoung(lastModified)) continue;
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
    const index = await this.#store.blobs.packs.catalog.index(digest, this.#call());
    if (index === undefined) return undefined;
    const alive: PackEntry[] = [];
    const dead: PackEntry[] = [];
    for (const entry of index.entries()) {
      (this.#reachable.has(homeOf("blobs", entry.digest)) ? alive : dead).push(entry);
    }
    const aliveBytes = alive.reduce((sum, { size }) => sum + size, 0);
    return 2 * aliveBytes < index.bodyBytes ? { kind: "packs", digest, alive, dead } : undefined;
  }

  async #foresee(subjects: readonly Condemned[]): Promise<void> {
    for (const subject of subjects) {
      const locations = await this.#markers.deletable(subject.kind, subject.digest);
      if (locations.length > 0) this.#count(subject, locations);
    }
  }

  /** Deletes some content; of packs what roots reach is put elsewhere before, all of it together. */
  async #collect(subjects: readonly Condemned[]): Promise<void> {
    const taken: (Condemned & Deletable)[] = [];
    for (const subject of subjects) {
      this.#markers.assertInTime();
      const deletable = await this.#markers.take(subject);
      if (deletable === undefined) this.#spared += 1;
      else taken.push({ ...subject, ...deletable });
    }
    const moved = await this.#movedOut(taken.filter(({ locations }) => locations.length > 0));
    for (const each of taken) {
      const locations = moved.has(each.digest) ? each.locations : [];
      if (!(await this.#markers.delete({ ...each, locations }))) continue;
      if (locations.length === 0) this.#spared += 1;
      else this.#count(each, locations);
    }
  }

  /** Those of which all that roots reach is kept elsewhere: a pack that is damaged stays with what is left of it. */
  async #movedOut(subjects: readonly Condemned[]): Promise<ReadonlySet<Digest>> {
    const packs = new Map(
      subjects.flatMap(({ digest, alive = [] }) => (alive.length === 0 ? [] : [[digest, alive.map(digestOfEntry)]])),
    );
    const left = await this.#store.blobs.moveOut(packs, this.#call());
    return new Set(subjects.map(({ digest }) => digest).filter((digest) => !left.has(digest)));
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

  #call(): { readonly signal?: AbortSignal } {
    return this.#options.signal === undefined ? {} : { signal: this.#options.signal };
  }
}

const digestOfEntry = ({ digest }: PackEntry): Digest => digest;

/** Packs out of which something is moved come together, everything else alone. */
async function* together(subjects: AsyncIterable<Condemned>): AsyncGenerator<readonly Condemned[]> {
  let batch: Condemned[] = [];
  let [blobs, bytes] = [0, 0];
  for await (const subject of subjects) {
    const { alive = [] } = subject;
    if (alive.length === 0) {
      yield [subject];
      continue;
    }
    batch.push(subject);
    blobs += alive.length;
    bytes += alive.reduce((sum, { size }) => sum + size, 0);
    if (blobs < movedTogether.blobs && bytes < movedTogether.bytes && batch.length < movedTogether.packs) continue;
    yield batch;
    batch = [];
    [blobs, bytes] = [0, 0];
  }
  if (batch.length > 0) yield batch;
}
