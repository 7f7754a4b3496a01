import { isAshlarError, type ObjectStore, toBytes } from "@ashlar/core";
import { concurrently } from "./concurrently.ts";
import type { Contents } from "./contents.ts";
import type { Digest } from "./digest.ts";
import { covering } from "./merge-plan.ts";
import { MultiPackIndex } from "./multi-pack-index.ts";
import { firstRead, indexBytes, PackIndex } from "./pack.ts";
import { contentAt, everyOf, multiPackIndexAt, multiPackIndexes, multiPackIndexOf } from "./places.ts";

interface CallOptions {
  readonly signal?: AbortSignal;
}

const callsAtOnce = 16;
const maxAttempts = 8;
/** Packs whose indexes would be read one by one, from which on it is worth a listing to look for common ones. */
const worthListing = 8;

/**
 * What this process knows of the packs of a store: which there are, and which may have a blob. The latter is told by
 * multi-pack indexes, and for packs that none of them has by the packs' own. Only the packs themselves are believed: an
 * index that is damaged, gone, or of packs that are gone costs reads, and no more.
 */
export class PackCatalog {
  /** Goes up whenever a pack comes to be known, or is known to be gone. */
  generation = 0;
  readonly #objects: ObjectStore;
  readonly #contents: Contents;
  readonly #there: Set<Digest> = new Set();
  readonly #indexes: Map<Digest, PackIndex> = new Map();
  readonly #damaged: Set<Digest> = new Set();
  /** Of these, `#chosen` cover as much as all do. */
  readonly #common: Map<Digest, MultiPackIndex> = new Map();
  readonly #unreadable: Set<Digest> = new Set();
  #chosen: readonly MultiPackIndex[] = [];
  #alone: Set<Digest> = new Set();
  #looking: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(objects: ObjectStore, contents: Contents) {
    this.#objects = objects;
    this.#contents = contents;
  }

  /** Packs that are there, and whose index cannot be read. */
  get damaged(): ReadonlySet<Digest> {
    return this.#damaged;
  }

  /** Packs that were there when it was looked last. */
  get there(): ReadonlySet<Digest> {
    return this.#there;
  }

  /** Those of them that no multi-pack index has. */
  get alone(): ReadonlySet<Digest> {
    return this.#alone;
  }

  /** The multi-pack indexes that were there, and can be read. */
  get common(): readonly MultiPackIndex[] {
    return [...this.#common.values()];
  }

  /** Multi-pack indexes that were there, and are damaged. */
  get unreadable(): ReadonlySet<Digest> {
    return this.#unreadable;
  }

  /** Looks for packs that came or went. Whoever asks while one looks shares the look that begins after it. */
  async refresh(options: CallOptions = {}): Promise<void> {
    if (this.#looking === undefined) {
      this.#looking = this.#look(options).finally(() => (this.#looking = undefined));
      return this.#looking;
    }
    this.#next ??= this.#looking
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        return this.refresh();
      });
    return this.#next;
  }

  async #look(options: CallOptions): Promise<void> {
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const listed = new Set<Digest>();
      for await (const { key } of this.#objects.list(everyOf("packs"), options)) {
        const digest = contentAt(key)?.digest;
        if (digest !== undefined) listed.add(digest);
      }
      for (const pack of this.#there) if (!listed.has(pack)) this.forget(pack);
      for (const pack of this.#damaged) if (!listed.has(pack)) this.#damaged.delete(pack);
      for (const pack of listed) this.#add(pack);
      const before = this.generation;
      await this.#readAlone(options);
      // What went before it was read may have been moved to a pack that was not listed.
      if (this.generation === before) return;
    }
  }

  /** Reads what tells of the packs of which nothing is known yet. */
  async #readAlone(options: CallOptions): Promise<void> {
    const isUnread = (pack: Digest): boolean => !this.#indexes.has(pack);
    if ([...this.#alone].filter(isUnread).length >= worthListing) await this.findCommon(options);
    await concurrently([...this.#alone].filter(isUnread), callsAtOnce, (pack) => this.index(pack, options));
  }

  #add(pack: Digest): void {
    if (this.#there.has(pack)) return;
    this.#there.add(pack);
    this.generation += 1;
    if (!this.#chosen.some(({ packs }) => packs.includes(pack))) this.#alone.add(pack);
  }

  learn(pack: Digest, index: PackIndex): void {
    this.#damaged.delete(pack);
    this.#indexes.set(pack, index);
    this.#add(pack);
  }

  /** What is gone is not looked into any more. */
  forget(pack: Digest): void {
    this.#indexes.delete(pack);
    this.#alone.delete(pack);
    if (this.#there.delete(pack)) this.generation += 1;
  }

  /** What is in a pack; undefined when it is gone, or damaged. */
  async index(pack: Digest, options: CallOptions = {}): Promise<PackIndex | undefined> {
    const known = this.#indexes.get(pack);
    if (known !== undefined) return known;
    try {
      const index = await this.#readIndex(pack, options);
      this.#damaged.delete(pack);
      this.#indexes.set(pack, index);
      return index;
    } catch (error) {
      if (isAshlarError(error, "ARTIFACT_CORRUPT")) this.#damaged.add(pack);
      else if (isAshlarError(error, "ARTIFACT_NOT_FOUND")) this.forget(pack);
      else throw error;
      return undefined;
    }
  }

  async #readIndex(pack: Digest, options: CallOptions): Promise<PackIndex> {
    const read = async (end: number): Promise<Uint8Array> =>
      toBytes((await this.#contents.open(pack, { ...options, range: { start: 0, end } })).stream());
    const start = await read(firstRead);
    const length = indexBytes(pack, start);
    return PackIndex.parse(pack, length > firstRead ? await read(length) : start.subarray(0, length));
  }

  /** Looks for multi-pack indexes that came or went. */
  async findCommon(options: CallOptions = {}): Promise<void> {
    const listed = new Set<Digest>();
    for await (const { key } of this.#objects.list(multiPackIndexes, options)) {
      const digest = multiPackIndexOf(key);
      if (digest !== undefined) listed.add(digest);
    }
    for (const digest of this.#common.keys()) if (!listed.has(digest)) this.#common.delete(digest);
    for (const digest of this.#unreadable) if (!listed.has(digest)) this.#unreadable.delete(digest);
    const fresh = [...listed].filter((digest) => !this.#common.has(digest) && !this.#unreadable.has(digest));
    await concurrently(fresh, callsAtOnce, async (digest) => {
      const read = async (start: number, end: number): Promise<Uint8Array> =>
        (await this.#objects.get(multiPackIndexAt(digest), { ...options, range: { start, end } })).bytes();
      try {
        this.#common.set(digest, await MultiPackIndex.open(digest, read));
      } catch (error) {
        this.withdraw(digest, error);
      }
    });
    this.#choose();
  }

  /** What is deleted is not looked into any more, nor held for damaged when it is put anew. */
  forgetCommon(digest: Digest): void {
    this.#common.delete(digest);
    this.#unreadable.delete(digest);
  }

  /** Does without a multi-pack index, when the error says that it is gone or damaged. @throws any other error */
  withdraw(digest: Digest, error: unknown): void {
    const isDamaged = isAshlarError(error, "ARTIFACT_CORRUPT") || isAshlarError(error, "RANGE_NOT_SATISFIABLE");
    if (!isDamaged && !isAshlarError(error, "OBJECT_NOT_FOUND")) throw error;
    if (isDamaged) this.#unreadable.add(digest);
    this.#common.delete(digest);
    this.#choose();
  }

  #choose(): void {
    const { chosen, covered } = covering(this.#common.values(), this.#there);
    this.#chosen = chosen;
    this.#alone = new Set([...this.#there].filter((pack) => !covered.has(pack)));
  }

  /** The packs that are known to have some of the blobs, with what each has of them. */
  async holders(blobs: Iterable<Digest>, options: CallOptions = {}): Promise<ReadonlyMap<Digest, readonly Digest[]>> {
    const wanted = [...blobs];
    await this.#prepare(wanted, options);
    const holders = new Map<Digest, Digest[]>();
    const hold = (pack: Digest, blob: Digest): unknown => holders.get(pack)?.push(blob) ?? holders.set(pack, [blob]);
    for (const common of this.#chosen) {
      for (const blob of wanted) for (const pack of common.packsOf(blob)) if (this.#there.has(pack)) hold(pack, blob);
    }
    for (const pack of this.#alone) {
      const index = this.#indexes.get(pack);
      for (const blob of index === undefined ? [] : wanted) if (index?.find(blob) !== undefined) hold(pack, blob);
    }
    await concurrently(holders, callsAtOnce, async ([pack, held]) => {
      const index = await this.index(pack, options);
      holders.set(pack, index === undefined ? [] : [...new Set(held)].filter((blob) => index.find(blob) !== undefined));
    });
    return new Map([...holders].filter(([, held]) => held.length > 0));
  }

  /** Reads what of the multi-pack indexes is needed, and the packs' own for those that turn out to be gone. */
  async #prepare(blobs: readonly Digest[], options: CallOptions): Promise<void> {
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const chosen = this.#chosen;
      await concurrently(chosen, callsAtOnce, async (common) => {
        try {
          await common.prepare(blobs);
        } catch (error) {
          this.withdraw(common.digest, error);
        }
      });
      if (chosen.every(({ digest }) => this.#common.has(digest))) return;
      await this.#readAlone(options);
    }
  }
}
