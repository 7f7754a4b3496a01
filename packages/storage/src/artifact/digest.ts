import { createHash, type Hash } from "node:crypto";
import { storageError } from "../errors.ts";

/** `sha256:` and 64 lower-case hexadecimal digits. */
export type Digest = `sha256:${string}`;

/** @throws DIGEST_INVALID */
export function assertDigest(digest: string): asserts digest is Digest {
  if (!/^sha256:[0-9a-f]{64}$/.test(digest)) throw storageError("DIGEST_INVALID", { digest });
}

export function digestOf(bytes: Uint8Array): Digest {
  return finish(createHash("sha256").update(bytes));
}

function finish(hash: Hash): Digest {
  return `sha256:${hash.digest("hex")}`;
}

/** Passes bytes on and knows their digest and size when all have gone by. */
export class Digesting {
  size = 0;
  readonly #hash: Hash = createHash("sha256");

  through(body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
    const transform = new TransformStream<Uint8Array, Uint8Array>({
      transform: (chunk, controller) => {
        this.#hash.update(chunk);
        this.size += chunk.byteLength;
        controller.enqueue(chunk);
      },
    });
    return body.pipeThrough(transform);
  }

  digest(): Digest {
    return finish(this.#hash);
  }
}

/** Passes bytes on, one chunk late: the last is released only when the digest of all is the one expected. */
export function verified(body: ReadableStream<Uint8Array>, expected: Digest): ReadableStream<Uint8Array> {
  const hash = createHash("sha256");
  let held: Uint8Array | undefined;
  const transform = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      hash.update(chunk);
      if (held !== undefined) controller.enqueue(held);
      held = chunk;
    },
    flush(controller) {
      const found = finish(hash);
      if (found !== expected) {
        throw storageError("ARTIFACT_CORRUPT", { digest: expected, reason: `its bytes have the digest ${found}` });
      }
      if (held !== undefined) controller.enqueue(held);
    },
  });
  return body.pipeThrough(transform);
}
