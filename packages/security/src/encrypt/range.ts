import { concatBytes, coreError, type EncryptionContext } from "@ashlar/core";
import { type Header, maxHeaderLength, type MessageKey, readHeader } from "./header.ts";
import { openSegment, tagLength } from "./segments.ts";

/** A ciphertext that can be read from anywhere: bytes in memory, a file, an object with range reads. */
export type RangeSource =
  | Uint8Array
  | {
      /** Bytes of the whole ciphertext. */
      readonly size: number;
      /** The bytes from `start` up to `end`; both lie within the size. */
      read(start: number, end: number): Promise<Uint8Array>;
    };

export interface DecryptRangeOptions {
  /** First plaintext byte, from 0. */
  readonly start: number;
  /** After the last plaintext byte; clipped to the length. @default the length */
  readonly end?: number;
  /** @default {} */
  readonly context?: EncryptionContext;
  readonly signal?: AbortSignal;
}

interface RangeRequest {
  readonly start: number;
  readonly end?: number;
  readonly signal: AbortSignal | undefined;
  readonly open: (header: Header) => Promise<MessageKey>;
}

/** @see Envelope.decryptRange */
export async function decryptRange(source: RangeSource, request: RangeRequest): Promise<Uint8Array> {
  const { start, signal } = request;
  if (!Number.isSafeInteger(start) || start < 0) throw outOfRange(start, 0);
  const { size, read } = reading(source, signal);
  let taken = 0;
  const beginning = await read(0, Math.min(size, maxHeaderLength));
  const header = await readHeader(async (length) => {
    const bytes = beginning.subarray(taken, taken + length);
    taken += bytes.byteLength;
    return bytes;
  });
  const message = await request.open(header);

  const { segmentSize } = header;
  const sealedSize = segmentSize + tagLength;
  const lastIndex = Math.max(0, Math.ceil((size - taken) / sealedSize) - 1);
  const length = size - taken - (lastIndex + 1) * tagLength;
  const segment = async (index: number, sealed: Uint8Array): Promise<Uint8Array> =>
    openSegment(message, { index, last: index === lastIndex }, sealed);
  if (start >= length) {
    // Only the last segment's mark proves that the message ends where the source does.
    await segment(lastIndex, await read(taken + lastIndex * sealedSize, size));
    throw outOfRange(start, length);
  }
  const end = Math.min(request.end ?? length, length);
  if (end <= start) return new Uint8Array();

  const first = Math.floor(start / segmentSize);
  const final = Math.floor((end - 1) / segmentSize);
  const sealed = await read(taken + first * sealedSize, Math.min(size, taken + (final + 1) * sealedSize));
  const opened: Uint8Array[] = [];
  for (let index = first; index <= final; index++) {
    const offset = (index - first) * sealedSize;
    opened.push(await segment(index, sealed.subarray(offset, offset + sealedSize)));
  }
  return concatBytes(opened).slice(start - first * segmentSize, end - first * segmentSize);
}

function reading(source: RangeSource, signal: AbortSignal | undefined): Exclude<RangeSource, Uint8Array> {
  if (source instanceof Uint8Array) {
    return { size: source.byteLength, read: async (start, end) => source.subarray(start, end) };
  }
  return {
    size: source.size,
    async read(start, end) {
      signal?.throwIfAborted();
      const bytes = await source.read(start, end);
      if (bytes.byteLength === end - start) return bytes;
      const reason = `a read of ${end - start} bytes gave ${bytes.byteLength}`;
      throw coreError("DECRYPTION_FAILED", { reason });
    },
  };
}

function outOfRange(start: number, size: number): Error {
  return coreError("RANGE_NOT_SATISFIABLE", { key: "the plaintext", start, size });
}
