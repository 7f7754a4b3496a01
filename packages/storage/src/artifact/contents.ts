import {
  type Bytes,
  type Clock,
  type GetOptions,
  isAshlarError,
  type ObjectInfo,
  type ObjectStore,
  type StoredObject,
} from "@ashlar/core";
import { storageError } from "../errors.ts";
import { putAbsent } from "../object/put-absent.ts";
import { concurrently } from "./concurrently.ts";
import type { Digest } from "./digest.ts";
import { annexesOf, annexOf, condemnedAt, contentAt, folderOf, homeOf, type Kind, leasesOf } from "./places.ts";

/** What all who use the objects of one artifact store must agree on. */
export interface ContentsContext {
  readonly objects: ObjectStore;
  readonly clock: Clock;
  /** Milliseconds; see {@link Contents}. */
  readonly graceMs: number;
}

interface CallOptions {
  readonly signal?: AbortSignal;
}

type Batch = ReadonlyMap<Digest, Uint8Array>;

interface PublishAllOptions extends CallOptions {
  readonly together?: (absent: Batch) => Promise<Batch>;
}

const maxAttempts = 8;
const callsAtOnce = 16;
/** Digests under one prefix from which on a listing takes the place of a look for each. */
const worthListing = 4;
/** Objects listed for each digest, at most. */
const longListing = 16;
const nothing = new Uint8Array(0);

/**
 * Content of one kind by its digest, kept so that a collector may run at any time. Whoever is told that content is there
 * (by `publish` or `keep`) has half a grace to make it reachable from a root; until then no collector deletes it. Why
 * this holds in every order of calls stands in `architecture/artifacts.md`.
 */
export class Contents {
  readonly #kind: Kind;
  readonly #context: ContentsContext;

  constructor(kind: Kind, context: ContentsContext) {
    this.#kind = kind;
    this.#context = context;
  }

  /** Looks without promising anything. */
  async find(digest: Digest, options: CallOptions = {}): Promise<ObjectInfo | undefined> {
    return (await this.#context.objects.head(homeOf(this.#kind, digest), options)) ?? this.#annex(digest, options);
  }

  async #annex(digest: Digest, options: CallOptions): Promise<ObjectInfo | undefined> {
    let youngest: ObjectInfo | undefined;
    for await (const info of this.#context.objects.list(annexesOf(this.#kind, digest), options)) {
      if (youngest === undefined || info.lastModified > youngest.lastModified) youngest = info;
    }
    return youngest;
  }

  /** @throws ARTIFACT_NOT_FOUND */
  async open(digest: Digest, options: GetOptions = {}): Promise<StoredObject> {
    const { objects } = this.#context;
    const call = options.signal === undefined ? {} : { signal: options.signal };
    let key: string | undefined = homeOf(this.#kind, digest);
    for (let attempt = 0; key !== undefined && attempt < maxAttempts; attempt++) {
      try {
        return await objects.get(key, options);
      } catch (error) {
        if (!isAshlarError(error, "OBJECT_NOT_FOUND")) throw error;
      }
      key = (await this.#annex(digest, call))?.key;
    }
    throw storageError("ARTIFACT_NOT_FOUND", { digest });
  }

  /** Keeps content that is there from being collected for half a grace. What is condemned cannot be kept: put it anew. */
  async keep(digest: Digest, options: CallOptions = {}): Promise<"kept" | "absent" | "condemned"> {
    const { objects } = this.#context;
    const found = await this.find(digest, options);
    if (found === undefined) return "absent";
    if (this.#isYoung(found)) return "kept";
    // First the lease, then a look for a collector: one of the two sees the other, whoever is first.
    await objects.put(`${leasesOf(this.#kind, digest)}${crypto.randomUUID()}`, nothing, { ...options, ifAbsent: true });
    if (await this.#isCondemned(digest, options)) return "condemned";
    return (await objects.head(found.key, options)) === undefined ? "absent" : "kept";
  }

  /** Younger than half a grace: a collector that would take it cannot have begun before the other half is over. */
  #isYoung(info: ObjectInfo): boolean {
    return info.lastModified > this.#context.clock.now() - this.#context.graceMs / 2;
  }

  async #isCondemned(digest: Digest, options: CallOptions): Promise<boolean> {
    return (await this.#context.objects.head(condemnedAt(this.#kind, digest), options)) !== undefined;
  }

  /**
   * Stores content, unless it is there. The body is asked for when it is to be written: once, but for a race that is
   * lost against the same content. @throws ARTIFACT_CONTENDED
   */
  async publish(digest: Digest, body: () => Bytes | Promise<Bytes>, options: CallOptions = {}): Promise<void> {
    const { objects } = this.#context;
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const state = await this.keep(digest, options);
      if (state === "kept") return;
      const condemned = state === "condemned" || (await this.#isCondemned(digest, options));
      const annex = condemned ? await this.#annex(digest, options) : undefined;
      if (annex !== undefined && this.#isYoung(annex)) return;
      // A home that is condemned may be deleted at any moment; an annex that is new is in no collector's sight.
      const key = condemned ? annexOf(this.#kind, digest) : homeOf(this.#kind, digest);
      try {
        await objects.put(key, await body(), { ...options, ifAbsent: true });
        return;
      } catch (error) {
        // The same content was put meanwhile: look again.
        if (!isAshlarError(error, "PRECONDITION_FAILED")) throw error;
      }
    }
    throw storageError("ARTIFACT_CONTENDED", { digest, attempts: maxAttempts });
  }

  /**
   * As `publish`, for many small ones: each step is taken for all of them, and then the next. What is not there is given
   * to `together` first, which tells what of it is stored now. @throws ARTIFACT_CONTENDED
   */
  async publishAll(contents: Batch, { together, ...options }: PublishAllOptions = {}): Promise<void> {
    const { objects } = this.#context;
    const found = await this.#findAll([...contents.keys()], options);
    const condemned = new Set<string>();
    for await (const { key } of objects.list(condemnedAt(this.#kind, "sha256:"), options)) condemned.add(key);
    const absent = [...contents].filter(([digest]) => found.get(digest) === undefined);
    const stored = await together?.(new Map(absent));
    const fresh = absent.flatMap(([digest, body]) => {
      const isFree = stored?.has(digest) !== true && !condemned.has(condemnedAt(this.#kind, digest));
      return isFree ? [{ digest, key: homeOf(this.#kind, digest), body }] : [];
    });
    const put = await putAbsent(objects, fresh, options);
    const settled = new Set(fresh.filter((_, index) => put[index] !== undefined).map(({ digest }) => digest));
    for (const digest of stored?.keys() ?? []) settled.add(digest);
    for (const [digest, info] of found) if (info !== undefined && this.#isYoung(info)) settled.add(digest);
    // What is old, condemned, or was put by others meanwhile is looked at one by one.
    const others = [...contents].filter(([digest]) => !settled.has(digest));
    await concurrently(others, callsAtOnce, ([digest, body]) => this.publish(digest, () => body, options));
  }

  /** As `find`, by a listing for all that are kept under one prefix, unless that would be long. */
  async #findAll(digests: readonly Digest[], options: CallOptions): Promise<Map<Digest, ObjectInfo | undefined>> {
    const found = new Map<Digest, ObjectInfo | undefined>();
    const groups = new Map<string, Digest[]>();
    for (const digest of digests) {
      const prefix = folderOf(this.#kind, digest);
      groups.set(prefix, [...(groups.get(prefix) ?? []), digest]);
    }
    await concurrently(groups, callsAtOnce, async ([prefix, group]) => {
      const listed = group.length < worthListing ? undefined : await this.#listed(prefix, new Set(group), options);
      for (const digest of group)
        found.set(digest, listed === undefined ? await this.find(digest, options) : listed.get(digest));
    });
    return found;
  }

  /** The youngest place of each digest; undefined when far more is kept under the prefix. */
  async #listed(
    prefix: string,
    digests: ReadonlySet<Digest>,
    options: CallOptions,
  ): Promise<ReadonlyMap<Digest, ObjectInfo> | undefined> {
    const found = new Map<Digest, ObjectInfo>();
    let seen = 0;
    for await (const info of this.#context.objects.list(prefix, options)) {
      if (++seen > longListing * digests.size) return undefined;
      const digest = contentAt(info.key)?.digest;
      if (digest === undefined || !digests.has(digest)) continue;
      if (info.lastModified > (found.get(digest)?.lastModified ?? -Infinity)) found.set(digest, info);
    }
    return found;
  }
}
