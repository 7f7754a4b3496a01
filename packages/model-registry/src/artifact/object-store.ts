import { type Bytes, isAshlarError, type ObjectStore } from "@ashlar/core";
import { createHash, randomUUID } from "node:crypto";
import { hashing, isDigest, sha256 } from "../digest.ts";
import { registryError } from "../errors.ts";
import { invalid } from "../name.ts";
import type { ArtifactStore, StoredBlob } from "./store.ts";
import { verified } from "./verify.ts";

type Options = { readonly signal?: AbortSignal };

/**
 * Keeps blobs in an object store, under `blobs/sha256/<two digits>/<digest>`. A stream, whose digest is known only at
 * its end, is first written to `staging/`; what a crash leaves there is never visible as a blob.
 *
 * @throws ARTIFACT_MISSING, ARTIFACT_CORRUPT when read
 */
export function objectStoreArtifacts(objects: ObjectStore, options: { readonly prefix?: string } = {}): ArtifactStore {
  const prefix = options.prefix ?? "";

  async function putStream(body: ReadableStream<Uint8Array>, options: Options): Promise<StoredBlob> {
    const staged = `${prefix}staging/${randomUUID()}`;
    try {
      const { stream, passed } = hashing(body);
      await objects.put(staged, stream, { ...options, ifAbsent: true });
      const blob = { digest: passed.digest(), size: passed.size() };
      // Read back and compared: what is published is what the store really holds.
      const source = await objects.get(staged, options);
      await publish(blob, verified(source.stream(), { ...blob, file: staged }), options);
      return blob;
    } finally {
      await objects.delete(staged);
    }
  }

  /** An existing blob of the right size is kept, unless its bytes have rotted: then it is written anew. */
  async function publish(blob: StoredBlob, content: Bytes, options: Options): Promise<void> {
    const key = keyOf(prefix, blob.digest);
    if (await isWhole(blob, options)) {
      if (!(content instanceof Uint8Array)) await content.cancel();
      return;
    }
    await objects.put(key, content, options);
  }

  async function isWhole(blob: StoredBlob, options: Options): Promise<boolean> {
    const key = keyOf(prefix, blob.digest);
    if ((await objects.head(key, options))?.size !== blob.size) return false;
    const hash = createHash("sha256");
    for await (const part of (await objects.get(key, options)).stream()) hash.update(part);
    return `sha256:${hash.digest("hex")}` === blob.digest;
  }

  return {
    async putBlob(body, options = {}) {
      if (!(body instanceof Uint8Array)) return putStream(body, options);
      const blob = { digest: sha256(body), size: body.byteLength };
      await publish(blob, body, options);
      return blob;
    },

    async getBlob(digest, options = {}) {
      const key = keyOf(prefix, digest);
      try {
        const object = await objects.get(key, options);
        return verified(object.stream(), { digest, file: key });
      } catch (cause) {
        if (!isAshlarError(cause, "OBJECT_NOT_FOUND")) throw cause;
        throw registryError("ARTIFACT_MISSING", { digest, file: key }, { cause });
      }
    },

    async has(digest, options = {}) {
      return (await objects.head(keyOf(prefix, digest), options)) !== undefined;
    },
  };
}

function keyOf(prefix: string, digest: string): string {
  if (!isDigest(digest)) throw invalid("digest", digest, "it must be sha256: and 64 hexadecimal digits");
  const hex = digest.slice("sha256:".length);
  return `${prefix}blobs/sha256/${hex.slice(0, 2)}/${hex}`;
}
