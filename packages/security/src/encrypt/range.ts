import { type CiphertextSource, coreError, type EncryptionContext, type OpenedCiphertext, toBytes } from "@ashlar/core";

/** A ciphertext that can be read from anywhere: bytes in memory, a file, an object with range reads. */
export type RangeSource = Uint8Array | CiphertextSource;

export interface DecryptRangeOptions {
  /** First plaintext byte, from 0. */
  readonly start: number;
  /** After the last plaintext byte; clipped to the length. @default the length */
  readonly end?: number;
  /** @default {} */
  readonly context?: EncryptionContext;
  readonly signal?: AbortSignal;
}

/** @see Envelope.decryptRange */
export async function decryptRange(
  open: (source: CiphertextSource) => Promise<OpenedCiphertext>,
  source: RangeSource,
  { start, end, signal }: DecryptRangeOptions,
): Promise<Uint8Array> {
  if (!Number.isSafeInteger(start) || start < 0) throw outOfRange(start, 0);
  const given = signal === undefined ? {} : { signal };
  const opened = await open(reading(source, signal));
  if (start >= opened.size) {
    // Only the last segment's mark proves that the message ends where the source does.
    await opened.verifyEnd(given);
    throw outOfRange(start, opened.size);
  }
  return toBytes(opened.read(start, Math.min(end ?? opened.size, opened.size), given));
}

function reading(source: RangeSource, signal: AbortSignal | undefined): CiphertextSource {
  if (source instanceof Uint8Array) {
    return { size: source.byteLength, read: async (start, end) => source.subarray(start, end) };
  }
  return {
    size: source.size,
    async read(start, end) {
      signal?.throwIfAborted();
      return source.read(start, end);
    },
  };
}

function outOfRange(start: number, size: number): Error {
  return coreError("RANGE_NOT_SATISFIABLE", { key: "the plaintext", start, size });
}
