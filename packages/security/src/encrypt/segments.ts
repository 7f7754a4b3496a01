import { createCipheriv, createDecipheriv } from "node:crypto";
import { coreError } from "@ashlar/core";
import { securityError } from "../errors.ts";
import type { MessageKey } from "./header.ts";

export const minSegmentSize = 1024;
/** With 2^32 segments of this size, AES-256-GCM stays below its bound of 2^48 blocks for one key. */
export const maxSegmentSize: number = 1024 * 1024;
const maxSegments: number = 2 ** 32;
/** Bytes that each segment grows by. */
export const tagLength = 16;

export interface SegmentPosition {
  /** From 0. */
  readonly index: number;
  readonly last: boolean;
}

/** Encrypts one segment: as many bytes as its plaintext, and a tag of 16. @throws MESSAGE_TOO_LONG */
export function sealSegment(
  message: MessageKey,
  position: SegmentPosition,
  plaintext: Uint8Array,
  into: Uint8Array = new Uint8Array(plaintext.byteLength + tagLength),
): Uint8Array {
  if (position.index >= maxSegments) {
    throw securityError("MESSAGE_TOO_LONG", { segments: maxSegments, segmentSize: plaintext.byteLength });
  }
  const cipher = createCipheriv("aes-256-gcm", message.key, segmentNonce(message.baseNonce, position));
  const sealed = cipher.update(plaintext);
  into.set(sealed);
  // Gives the memory back at once: left to the collector, memory that is new each time costs more than the encryption.
  sealed.buffer.transfer(0);
  cipher.final();
  into.set(cipher.getAuthTag(), plaintext.byteLength);
  return into.subarray(0, plaintext.byteLength + tagLength);
}

/** Decrypts one segment; nothing of it is given away before its tag was checked. @throws DECRYPTION_FAILED */
export function openSegment(message: MessageKey, position: SegmentPosition, sealed: Uint8Array): Uint8Array {
  const size = sealed.byteLength - tagLength;
  if (size < 0 || (size === 0 && position.index > 0)) throw refusal(position);
  const nonce = segmentNonce(message.baseNonce, position);
  const decipher = createDecipheriv("aes-256-gcm", message.key, nonce, { authTagLength: tagLength });
  decipher.setAuthTag(sealed.subarray(size));
  const plaintext = decipher.update(sealed.subarray(0, size));
  try {
    decipher.final();
  } catch (cause) {
    plaintext.fill(0);
    throw refusal(position, cause);
  }
  return new Uint8Array(plaintext.buffer, plaintext.byteOffset, plaintext.byteLength);
}

/**
 * The base nonce, with the last-segment mark XORed into byte 0 and the index into bytes 4 to 11: a segment opens only
 * in its own place, and the last only as the last (STREAM, Hoang et al., CRYPTO 2015).
 */
function segmentNonce(baseNonce: Uint8Array, { index, last }: SegmentPosition): Uint8Array {
  const nonce = Buffer.from(baseNonce);
  nonce[0] = (nonce[0] ?? 0) ^ (last ? 1 : 0);
  nonce.writeBigUInt64BE(nonce.readBigUInt64BE(4) ^ BigInt(index), 4);
  return nonce;
}

function refusal({ index, last }: SegmentPosition, cause?: unknown): Error {
  const reason = `segment ${index} is altered, or does not stand here${last ? " as the last" : ""}`;
  return coreError("DECRYPTION_FAILED", { reason }, { cause });
}
