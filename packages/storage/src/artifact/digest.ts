import { Buffer } from "node:buffer";
import { createHash, type Hash } from "node:crypto";
import { storageError } from "../errors.ts";

/** `sha256:` and 64 lower-case hexadecimal digits. */
export type Digest = `sha256:${string}`;

export function isDigest(value: unknown): value is Digest {
  return typeof value === "string" && /^sha256:[0-9a-f]{64}$/.test(value);
}

/** @throws DIGEST_INVALID */
export function assertDigest(digest: string): asserts digest is Digest {
  if (!isDigest(digest)) throw storageError("DIGEST_INVALID", { digest });
}

/** The 32 bytes of a digest. */
export function rawOf(digest: Digest): Buffer {
  return Buffer.from(digest.slice("sha256:".length), "hex");
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

export interface VerifyOptions {
  readonly digest: Digest;
  /** Bytes. @default any */
  readonly size?: number;
  /** The error of a body that is another. @default ARTIFACT_CORRUPT */
  readonly failure?: (digest: Digest, reason: string) => Error;
  /** Gets the size once all is as expected. */
  readonly onEnd?: (size: number) => void;
}

/** Passes bytes on, one chunk late: the last is released only when all have the digest and size expected. */
export function verified(
  body: ReadableStream<Uint8Array>,
  { digest, size: expected, failure = corrupt, onEnd }: VerifyOptions,
): ReadableStream<Uint8Array> {
  const hash = createHash("sha256");
  let size = 0;
  let held: Uint8Array | undefined;
  const transform = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      hash.update(chunk);
      size += chunk.byteLength;
      if (size > (expected ?? Infinity)) throw failure(digest, `its bytes are more than ${expected}`);
      if (held !== undefined) controller.enqueue(held);
      held = chunk;
    },
    flush(controller) {
      if (size < (expected ?? 0)) throw failure(digest, `its bytes are ${size}, not ${expected}`);
      const found = finish(hash);
      if (found !== digest) throw failure(digest, `its bytes have the digest ${found}`);
      if (held !== undefined) controller.enqueue(held);
      onEnd?.(size);
    },
  });
  return body.pipeThrough(transform);
}

/** What is stored is not what was put. */
export function corrupt(digest: Digest, reason: string): Error {
  return storageError("ARTIFACT_CORRUPT", { digest, reason });
}

/** What is to be stored is not what it was said to be. */
export function mismatch(digest: Digest, reason: string): Error {
  return storageError("DIGEST_MISMATCH", { digest, reason });
}

/** Reads a stream to its end, for what reading it does. */
export async function drain(body: ReadableStream<Uint8Array>): Promise<void> {
  await body.pipeTo(new WritableStream<Uint8Array>());
}
