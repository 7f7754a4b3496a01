import { isAshlarError, toBytes } from "@ashlar/core";
import { concurrently } from "./concurrently.ts";
import { Contents, type ContentsContext } from "./contents.ts";
import { corrupt, type Digest, verified } from "./digest.ts";
import { MultiPackIndexes } from "./multi-pack-indexes.ts";
import { encodePack } from "./pack.ts";
import { PackCatalog } from "./pack-catalog.ts";

interface CallOptions {
  readonly signal?: AbortSignal;
}

const callsAtOnce = 16;

/** Packs of small blobs, each content of its own that is put, kept and collected as any content is. */
export class Packs {
  readonly catalog: PackCatalog;
  readonly indexes: MultiPackIndexes;
  readonly #contents: Contents;

  constructor(context: ContentsContext) {
    this.#contents = new Contents("packs", context);
    this.catalog = new PackCatalog(context.objects, this.#contents);
    this.indexes = new MultiPackIndexes(context.objects, this.catalog);
  }

  /** Stores blobs as one pack. @throws ARTIFACT_CONTENDED */
  async put(blobs: ReadonlyMap<Digest, Uint8Array>, options: CallOptions = {}): Promise<void> {
    const { digest, bytes, index } = encodePack(blobs);
    await this.#contents.publish(digest, () => bytes, options);
    this.catalog.learn(digest, index);
    await this.indexes.mergeMany(options);
  }

  /** Looks at all packs, and brings the multi-pack indexes up to date with them. */
  async tidy(options: CallOptions = {}): Promise<void> {
    await this.catalog.refresh(options);
    await this.indexes.mergeAll(options);
  }

  /** Keeps those of the blobs that are in known packs from being collected for half a grace. @returns which */
  async keep(blobs: Iterable<Digest>, options: CallOptions = {}): Promise<ReadonlySet<Digest>> {
    const kept = new Set<Digest>();
    for (const [pack, held] of await this.catalog.holders(blobs, options)) {
      if (held.every((blob) => kept.has(blob))) continue;
      const state = await this.#contents.keep(pack, options);
      if (state === "absent") this.catalog.forget(pack);
      if (state === "kept") for (const blob of held) kept.add(blob);
    }
    return kept;
  }

  /** Whether a known pack that has the blob is there. */
  async has(blob: Digest, options: CallOptions = {}): Promise<boolean> {
    for (const pack of (await this.catalog.holders([blob], options)).keys()) {
      if ((await this.#contents.find(pack, options)) !== undefined) return true;
      this.catalog.forget(pack);
    }
    return false;
  }

  /** The bytes of a blob in a known pack, not verified; undefined when there is none. @throws ARTIFACT_CORRUPT */
  async open(blob: Digest, options: CallOptions = {}): Promise<ReadableStream<Uint8Array> | undefined> {
    for (const pack of (await this.catalog.holders([blob], options)).keys()) {
      const range = (await this.catalog.index(pack, options))?.find(blob);
      if (range === undefined) continue;
      try {
        return (await this.#contents.open(pack, { ...options, range })).stream();
      } catch (error) {
        if (isAshlarError(error, "RANGE_NOT_SATISFIABLE")) throw corrupt(blob, `its pack ${pack} is cut off`);
        if (!isAshlarError(error, "ARTIFACT_NOT_FOUND")) throw error;
        this.catalog.forget(pack);
      }
    }
    return undefined;
  }

  /** Some blobs of one pack, verified. @throws ARTIFACT_CORRUPT, ARTIFACT_NOT_FOUND */
  async read(pack: Digest, blobs: readonly Digest[], options: CallOptions = {}): Promise<Map<Digest, Uint8Array>> {
    const index = await this.catalog.index(pack, options);
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
