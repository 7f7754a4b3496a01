import { type Bytes, toBytes } from "@ashlar/core";
import { storageError } from "../errors.ts";
import { concurrently } from "./concurrently.ts";
import type { Blobs } from "./blobs.ts";
import type { Contents } from "./contents.ts";
import { corrupt, type Digest, Digesting, digestOf, drain, verified } from "./digest.ts";
import {
  assertManifest,
  type Descriptor,
  type Manifest,
  manifestText,
  maxManifestBytes,
  parseManifest,
  unknownMediaType,
} from "./manifest.ts";

/** A file as it is given. */
export interface FileInput {
  readonly digest: Digest;
  /** Bytes. @default what the blob has, which is read once to know */
  readonly size?: number;
  /** @default "application/octet-stream" */
  readonly mediaType?: string;
}

/** A manifest as it is given: a bare digest stands for `{ digest }`. */
export interface ManifestInput {
  readonly files: Readonly<Record<string, Digest | FileInput>>;
  /** @default {} */
  readonly annotations?: Readonly<Record<string, string>>;
}

const callsAtOnce = 16;

/** Manifests in an artifact store, and what they promise of its blobs. */
export class Manifests {
  readonly #manifests: Contents;
  readonly #blobs: Blobs;

  constructor(manifests: Contents, blobs: Blobs) {
    this.#manifests = manifests;
    this.#blobs = blobs;
  }

  /** @throws MANIFEST_INVALID, DIGEST_INVALID, ARTIFACT_NOT_FOUND */
  async put({ files, annotations = {} }: ManifestInput): Promise<Digest> {
    const given = Object.entries(files).map(([name, file]) => {
      return [name, typeof file === "string" ? { digest: file } : file] as const;
    });
    // All of it is checked before the first blob is looked for; a size that is not known yet is no reason to refuse.
    assertManifest({
      files: Object.fromEntries(given.map(([name, file]) => [name, described(file, file.size ?? 0)])),
      annotations,
    });
    const digests = new Set(given.map(([, { digest }]) => digest));
    const packed = await this.#blobs.keepPacked([...digests]);
    const alone = [...digests].filter((digest) => !packed.has(digest));
    await concurrently(alone, callsAtOnce, (digest) => this.#keepBlob(digest));
    const sized = await concurrently(given, callsAtOnce, async ([name, file]) => {
      return [name, described(file, file.size ?? (await this.#sizeOf(file.digest)))] as const;
    });
    const bytes = new TextEncoder().encode(manifestText({ files: Object.fromEntries(sized), annotations }));
    if (bytes.byteLength > maxManifestBytes) {
      throw storageError("MANIFEST_INVALID", { name: "", rule: `its text is longer than ${maxManifestBytes} bytes` });
    }
    const digest = digestOf(bytes);
    await this.#manifests.publish(digest, () => bytes);
    return digest;
  }

  /** Keeps a blob from being collected; one that is condemned, but can still be read, is stored anew. */
  async #keepBlob(digest: Digest): Promise<void> {
    if ((await this.#blobs.keep(digest)) === "kept") return;
    await this.#blobs.publish(digest, (): Promise<Bytes> => this.#read(digest));
  }

  async #sizeOf(digest: Digest): Promise<number> {
    const passing = new Digesting();
    await drain(passing.through(await this.#read(digest)));
    return passing.size;
  }

  async #read(digest: Digest): Promise<ReadableStream<Uint8Array>> {
    return verified(await this.#blobs.open(digest), { digest });
  }

  /** Undefined when there is none. @throws ARTIFACT_CORRUPT */
  async find(digest: Digest, options: { readonly signal?: AbortSignal } = {}): Promise<Manifest | undefined> {
    const found = await this.#manifests.find(digest, options);
    if (found === undefined) return undefined;
    // Twice, for what a cipher adds.
    if (found.size > 2 * maxManifestBytes) throw corrupt(digest, "it is too long for a manifest");
    const stored = await this.#manifests.open(digest, options);
    const bytes = await toBytes(verified(stored.stream(), { digest }));
    const manifest = parseManifest(new TextDecoder().decode(bytes));
    if (manifest === undefined) throw corrupt(digest, "it is not a manifest");
    return manifest;
  }
}

function described({ digest, mediaType = unknownMediaType }: FileInput, size: number): Descriptor {
  return { digest, mediaType, size };
}
