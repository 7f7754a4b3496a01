import { isAshlarError, toBytes } from "@ashlar/core";
import { concurrently } from "./concurrently.ts";
import { Contents, type ContentsContext } from "./contents.ts";
import { corrupt, type Digest, verified } from "./digest.ts";
import { encodePack, firstRead, indexBytes, PackIndex } from "./pack.ts";
import { contentAt, everyOf } from "./places.ts";

interface CallOptions {
  readonly signal?: AbortSignal;
}

const callsAtOnce = 16;

/**
 * Packs of small blobs, each content of its own that is put, kept and collected as any content is, and what this
 * process knows of what is in them. What it does not know it finds when it looks again.
 */
export class Packs {
  /** Goes up whenever a pack comes to be known, or is known to be gone. */
  generation = 0;
  readonly #context: ContentsContext;
  readonly #contents: Contents;
  readonly #known: Map<Digest, PackIndex> = new Map();
  readonly #damaged: Set<Digest> = new Set();
  #looking: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(context: ContentsContext) {
    this.#context = context;
    this.#contents = new Contents("packs", context);
  }

  /** Packs that are there, and whose index cannot be read. */
  get damaged(): ReadonlySet<Digest> {
    return this.#damaged;
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
    const there = new Set<Digest>();
    for await (const { key } of this.#context.objects.list(everyOf("packs"), options)) {
      const digest = contentAt(key)?.digest;
      if (digest !== undefined) there.add(digest);
    }
    for (const digest of this.#known.keys()) if (!there.has(digest)) this.#forget(digest);
    for (const digest of this.#damaged) if (!there.has(digest)) this.#damaged.delete(digest);
    await concurrently(there, callsAtOnce, (digest) => this.index(digest, options));
  }

  /** What is in a pack; undefined when it is gone, or damaged. */
  async index(pack: Digest, options: CallOptions = {}): Promise<PackIndex | undefined> {
    const known = this.#known.get(pack);
    if (known !== undefined) return known;
    try {
      const index = await this.#readIndex(pack, options);
      this.#learn(pack, index);
      return index;
    } catch (error) {
      if (isAshlarError(error, "ARTIFACT_CORRUPT")) this.#damaged.add(pack);
      else if (!isAshlarError(error, "ARTIFACT_NOT_FOUND")) throw error;
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

  #learn(pack: Digest, index: PackIndex): void {
    this.#damaged.delete(pack);
    this.#known.set(pack, index);
    this.generation += 1;
  }

  #forget(pack: Digest): void {
    if (this.#known.delete(pack)) this.generation += 1;
  }

  /** Stores blobs as one pack. @throws ARTIFACT_CONTENDED */
  async put(blobs: ReadonlyMap<Digest, Uint8Array>, options: CallOptions = {}): Promise<void> {
    const { digest, bytes, index } = encodePack(blobs);
    await this.#contents.publish(digest, () => bytes, options);
    this.#learn(digest, index);
  }

  /** Keeps those of the blobs that are in known packs from being collected for half a grace. @returns which */
  async keep(blobs: Iterable<Digest>, options: CallOptions = {}): Promise<ReadonlySet<Digest>> {
    const left = new Set(blobs);
    const kept = new Set<Digest>();
    for (const [pack, index] of this.#known) {
      const held = [...left].filter((digest) => index.find(digest) !== undefined);
      if (held.length === 0) continue;
      const state = await this.#contents.keep(pack, options);
      if (state === "absent") this.#forget(pack);
      if (state !== "kept") continue;
      for (const digest of held) {
        left.delete(digest);
        kept.add(digest);
      }
    }
    return kept;
  }

  /** Whether a known pack that has the blob is there. */
  async has(blob: Digest, options: CallOptions = {}): Promise<boolean> {
    for (const [pack, index] of this.#known) {
      if (index.find(blob) === undefined) continue;
      if ((await this.#contents.find(pack, options)) !== undefined) return true;
      this.#forget(pack);
    }
    return false;
  }

  /** The bytes of a blob in a known pack, not verified; undefined when there is none. @throws ARTIFACT_CORRUPT */
  async open(blob: Digest, options: CallOptions = {}): Promise<ReadableStream<Uint8Array> | undefined> {
    for (const [pack, index] of this.#known) {
      const range = index.find(blob);
      if (range === undefined) continue;
      try {
        return (await this.#contents.open(pack, { ...options, range })).stream();
      } catch (error) {
        if (isAshlarError(error, "RANGE_NOT_SATISFIABLE")) throw corrupt(blob, `its pack ${pack} is cut off`);
        if (!isAshlarError(error, "ARTIFACT_NOT_FOUND")) throw error;
        this.#forget(pack);
      }
    }
    return undefined;
  }

  /** Some blobs of one pack, verified. @throws ARTIFACT_CORRUPT, ARTIFACT_NOT_FOUND */
  async read(pack: Digest, blobs: readonly Digest[], options: CallOptions = {}): Promise<Map<Digest, Uint8Array>> {
    const index = this.#known.get(pack);
    const bodies = await concurrently(blobs, callsAtOnce, async (digest) => {
      const range = index?.find(digest);
      if (range === undefined) throw corrupt(digest, `the pack ${pack} has it no more`);
      try {
        const stored = await this.#contents.open(pack, { ...options, range });
        return [digest, await toBytes(verified(stored.stream(), { digest }))] as const;
      } catch (error) {
        if (!isAshlarError(error, "RANGE_NOT_SATISFIABLE")) throw error;
        throw corrupt(digest, `its pack ${pack} is cut off`);
      }
    });
    return new Map(bodies);
  }
}
