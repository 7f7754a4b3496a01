import { type Bytes, isAshlarError } from "@ashlar/core";
import { storageError } from "../errors.ts";
import { concurrently } from "./concurrently.ts";
import { Contents, type ContentsContext } from "./contents.ts";
import { corrupt, type Digest, verified } from "./digest.ts";
import { Packs } from "./packs.ts";

interface CallOptions {
  readonly signal?: AbortSignal;
}

/** Blobs from which on one object takes the place of one for each. */
const worthPacking = 32;
const maxAttempts = 8;
const callsAtOnce = 16;

/**
 * The blobs of a store, each an object of its own (loose) or in a pack with others. Both are content in the sense of
 * `Contents`, so a blob may be in several places, and is kept by keeping any of them.
 */
export class Blobs {
  readonly packs: Packs;
  readonly #loose: Contents;

  constructor(context: ContentsContext) {
    this.#loose = new Contents("blobs", context);
    this.packs = new Packs(context);
  }

  async has(digest: Digest, options: CallOptions = {}): Promise<boolean> {
    const packed = async (): Promise<true | undefined> => (await this.packs.has(digest, options)) || undefined;
    const loose = async (): Promise<true | undefined> =>
      (await this.#loose.find(digest, options)) === undefined ? undefined : true;
    return (await this.#search(packed, loose, options)) ?? false;
  }

  /** The bytes, not verified. @throws ARTIFACT_NOT_FOUND, ARTIFACT_CORRUPT */
  async open(digest: Digest, options: CallOptions = {}): Promise<ReadableStream<Uint8Array>> {
    const loose = async (): Promise<ReadableStream<Uint8Array> | undefined> => {
      try {
        return (await this.#loose.open(digest, options)).stream();
      } catch (error) {
        if (!isAshlarError(error, "ARTIFACT_NOT_FOUND")) throw error;
        return undefined;
      }
    };
    const found = await this.#search(() => this.packs.open(digest, options), loose, options);
    if (found !== undefined) return found;
    const [damaged] = this.packs.catalog.damaged;
    if (damaged === undefined) throw storageError("ARTIFACT_NOT_FOUND", { digest });
    throw corrupt(digest, `it is nowhere else, and the index of the pack ${damaged} cannot be read`);
  }

  /** As `Contents.keep`. */
  async keep(digest: Digest, options: CallOptions = {}): Promise<"kept" | "absent" | "condemned"> {
    let state: "kept" | "absent" | "condemned" = "absent";
    const packed = async (): Promise<"kept" | undefined> =>
      (await this.packs.keep([digest], options)).size === 1 ? "kept" : undefined;
    const loose = async (): Promise<"kept" | undefined> => {
      state = await this.#loose.keep(digest, options);
      return state === "kept" ? state : undefined;
    };
    return (await this.#search(packed, loose, options)) ?? state;
  }

  /** Keeps those that are in packs, by keeping each pack once. @returns which */
  async keepPacked(digests: readonly Digest[], options: CallOptions = {}): Promise<ReadonlySet<Digest>> {
    if (digests.length >= worthPacking) await this.packs.catalog.refresh(options);
    return this.packs.keep(digests, options);
  }

  /**
   * Known packs, then the loose; then the packs that are there, and the loose again. A collector that moves a blob out of a pack
   * puts it elsewhere before the pack goes: what is in no pack that was listed was loose by then, or in one that is found gone.
   */
  async #search<Found>(
    packed: () => Promise<Found | undefined>,
    loose: () => Promise<Found | undefined>,
    options: CallOptions,
  ): Promise<Found | undefined> {
    const known = (await packed()) ?? (await loose());
    if (known !== undefined) return known;
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      await this.packs.catalog.refresh(options);
      const before = this.packs.catalog.generation;
      const found = (await packed()) ?? (await loose());
      if (found !== undefined || this.packs.catalog.generation === before) return found;
    }
    return undefined;
  }

  /** The key of an object that is this blob and nothing else: one is made of a blob that is in a pack. @throws ARTIFACT_NOT_FOUND */
  async locate(digest: Digest, options: CallOptions = {}): Promise<string> {
    for (let attempt = 0; attempt < 2; attempt++) {
      const found = await this.#loose.find(digest, options);
      if (found !== undefined) return found.key;
      const body = await this.open(digest, options);
      await body.cancel();
      const again = async (): Promise<Bytes> => verified(await this.open(digest, options), { digest });
      await this.#loose.publish(digest, again, options);
    }
    throw storageError("ARTIFACT_CONTENDED", { digest, attempts: 2 });
  }

  /** As `Contents.publish`; packs that this process does not know are not looked for. @throws ARTIFACT_CONTENDED */
  async publish(digest: Digest, body: () => Bytes | Promise<Bytes>, options: CallOptions = {}): Promise<void> {
    if ((await this.packs.keep([digest], options)).size === 1) return;
    await this.#loose.publish(digest, body, options);
  }

  /** As `publish`, for many small ones: what is not there yet becomes one pack, if it is worth it. @throws ARTIFACT_CONTENDED */
  async publishAll(blobs: ReadonlyMap<Digest, Uint8Array>, options: CallOptions = {}): Promise<void> {
    const kept = await this.keepPacked([...blobs.keys()], options);
    const left = new Map([...blobs].filter(([digest]) => !kept.has(digest)));
    await this.#loose.publishAll(left, { ...options, together: (fresh) => this.#pack(fresh, options) });
  }

  /** @returns those that are in a pack now */
  async #pack(blobs: ReadonlyMap<Digest, Uint8Array>, options: CallOptions): Promise<ReadonlyMap<Digest, Uint8Array>> {
    const filled = new Map([...blobs].filter(([, body]) => body.byteLength > 0));
    if (filled.size < worthPacking) return new Map();
    await this.packs.put(filled, options);
    return filled;
  }

  /**
   * Stores some blobs of some packs elsewhere, so that the packs may go.
   *
   * @returns the packs that must stay, since a blob of theirs is damaged or gone
   * @throws ARTIFACT_CONTENDED
   */
  async moveOut(
    packs: ReadonlyMap<Digest, readonly Digest[]>,
    options: CallOptions = {},
  ): Promise<ReadonlySet<Digest>> {
    const blobs = new Map<Digest, Uint8Array>();
    const left = new Set<Digest>();
    for (const [pack, digests] of packs) {
      try {
        for (const [digest, body] of await this.packs.read(pack, digests, options)) blobs.set(digest, body);
      } catch (error) {
        if (!isAshlarError(error, "ARTIFACT_CORRUPT") && !isAshlarError(error, "ARTIFACT_NOT_FOUND")) throw error;
        left.add(pack);
      }
    }
    const packed = await this.#pack(blobs, options);
    const alone = [...blobs].filter(([digest]) => !packed.has(digest));
    await concurrently(alone, callsAtOnce, ([digest, body]) => this.#loose.publish(digest, () => body, options));
    return left;
  }
}
