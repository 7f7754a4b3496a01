import { timingSafeEqual } from "node:crypto";
import {
  type CipherOptions,
  type CiphertextSource,
  type Clock,
  coreError,
  type EncryptionContext,
  type KeyProvider,
  type OpenedCiphertext,
  type SeekableCipher,
} from "@ashlar/core";
import { securityError } from "../errors.ts";
import { type ByteReader, byteReader } from "./byte-reader.ts";
import { byteStream } from "./byte-stream.ts";
import { contextDigest } from "./context.ts";
import { cachedDataKeys, type DataKeyCacheOptions, type DataKeys, freshDataKeys } from "./data-key-cache.ts";
import { deriveMessageKey, type Header, type MessageKey, readHeader } from "./header.ts";
import { pullStream } from "./pull-stream.ts";
import { decryptRange, type DecryptRangeOptions, type RangeSource } from "./range.ts";
import { Sealing } from "./sealing.ts";
import { openedCiphertext, readLayout } from "./seek.ts";
import { maxSegmentSize, minSegmentSize, openSegment, tagLength } from "./segments.ts";

export interface EnvelopeOptions {
  /** Wraps the data keys: a local key ring, AWS KMS, a provider of yours. */
  readonly keys: KeyProvider;
  /** Uses data keys again, which saves calls of the provider. @default a fresh data key for each message */
  readonly cache?: DataKeyCacheOptions;
  /** Plaintext bytes in a segment, 1 KiB to 1 MiB: what is held in memory, and verified before it is released. @default 65_536 */
  readonly segmentSize?: number;
  /** For the age of cached keys. @default the system clock */
  readonly clock?: Clock;
}

/** Envelope encryption with committed keys. Disposing it zeroes the cached data keys. */
export interface Envelope extends SeekableCipher, Disposable {
  /**
   * The plaintext bytes from `start` to `end`, reading and verifying only the segments they stand in. Where the
   * answer depends on the length of the message, its last segment is verified too.
   *
   * @throws DECRYPTION_FAILED as `decrypt`; RANGE_NOT_SATISFIABLE when `start` is at or after the end
   */
  decryptRange(source: RangeSource, options: DecryptRangeOptions): Promise<Uint8Array>;
}

/**
 * Encrypts streams under data keys that a key provider wraps. Every message has its own key, derived with
 * HKDF-SHA-512 from the data key, a random salt, the header and the context; the header commits to it. The body is
 * AES-256-GCM in segments. README, "The format", gives every byte.
 *
 * @throws INVALID_OPTION for a segment size or cache limit out of bounds
 */
export function createEnvelope(options: EnvelopeOptions): Envelope {
  const { keys, cache, segmentSize = 65_536, clock } = options;
  if (!Number.isInteger(segmentSize) || segmentSize < minSegmentSize || segmentSize > maxSegmentSize) {
    const rule = `it must be a whole number of bytes from ${minSegmentSize} to ${maxSegmentSize}`;
    throw securityError("INVALID_OPTION", { option: "segmentSize", value: String(segmentSize), rule });
  }
  const dataKeys = cache === undefined ? freshDataKeys(keys) : cachedDataKeys(keys, cache, clock);
  const open = async (source: CiphertextSource, given: CipherOptions = {}): Promise<OpenedCiphertext> => {
    const { header, layout } = await readLayout(source);
    const { context = {}, signal } = given;
    return openedCiphertext(source, layout, await openMessage(header, { dataKeys, context, signal }));
  };
  return {
    open,
    plaintextSize: async (source) => (await readLayout(source)).layout.size,
    encrypt(plaintext, given = {}) {
      const reader = byteReader(plaintext);
      const sealing = new Sealing(reader, { dataKeys, segmentSize, ...given });
      return byteStream(sealing, { signal: given.signal, release: (reason) => reader.cancel(reason) });
    },
    decrypt(ciphertext, given = {}) {
      const reader = byteReader(ciphertext);
      const pieces = decrypted(reader, { dataKeys, ...given });
      return pullStream(pieces, { signal: given.signal, release: (reason) => reader.cancel(reason) });
    },
    decryptRange: (source, given) => decryptRange((opened) => open(opened, given), source, given),
    [Symbol.dispose]: () => dataKeys[Symbol.dispose](),
  };
}

async function* decrypted(
  reader: ByteReader,
  { dataKeys, context = {}, signal }: CipherOptions & { dataKeys: DataKeys },
): AsyncGenerator<Uint8Array> {
  const header = await readHeader((size) => reader.read(size));
  const message = await openMessage(header, { dataKeys, context, signal });
  for (let index = 0, last = false; !last; index++) {
    const segment = await reader.read(header.segmentSize + tagLength);
    last = await reader.atEnd();
    signal?.throwIfAborted();
    yield openSegment(message, { index, last }, segment);
  }
}

/** The message key of a header, once its commitment holds. @throws DECRYPTION_FAILED */
async function openMessage(
  header: Header,
  { dataKeys, context, signal }: { dataKeys: DataKeys; context: EncryptionContext; signal: AbortSignal | undefined },
): Promise<MessageKey> {
  const digest = contextDigest(context);
  const dataKey = await dataKeys.forDecryption({ ...header, context, signal });
  const message = deriveMessageKey(dataKey, { prefix: header.prefix, salt: header.salt, context: digest });
  dataKey.fill(0);
  if (!timingSafeEqual(message.commitment, header.commitment)) {
    throw coreError("DECRYPTION_FAILED", { reason: "the header, the key and the context do not belong together" });
  }
  return message;
}
