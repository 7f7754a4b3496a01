import { createHash, createSecretKey, hkdfSync, type KeyObject } from "node:crypto";
import { coreError } from "@ashlar/core";
import { maxSegmentSize, minSegmentSize } from "./segments.ts";

const magic = Buffer.from("ASHE");
const version = 1;
/** HKDF-SHA-512, AES-256-GCM, committed. */
const suite = 1;
const fixedLength = 46;
const commitmentLength = 32;
const maxKeyIdLength = 2048;
const maxWrappedLength = 8192;
const label = Buffer.from("ashlar envelope 1");

export interface HeaderFields {
  readonly segmentSize: number;
  /** 32 random bytes: the message's identity, and the salt of its key. */
  readonly salt: Uint8Array;
  readonly keyId: string;
  readonly wrapped: Uint8Array;
}

export interface Header extends HeaderFields {
  /** Every byte before the commitment. */
  readonly prefix: Uint8Array;
  readonly commitment: Uint8Array;
}

export interface MessageKey {
  readonly key: KeyObject;
  /** 12 bytes; each segment's nonce is made from it. */
  readonly baseNonce: Uint8Array;
  readonly commitment: Uint8Array;
}

/** The header up to its commitment. @see README, "The format" */
export function encodePrefix({ segmentSize, salt, keyId, wrapped }: HeaderFields): Uint8Array {
  const id = Buffer.from(keyId, "utf8");
  if (id.byteLength > maxKeyIdLength || wrapped.byteLength > maxWrappedLength) {
    throw new RangeError(`the key provider gave a key id of ${id.byteLength} and a key of ${wrapped.byteLength} bytes`);
  }
  const fixed = Buffer.alloc(fixedLength);
  magic.copy(fixed, 0);
  fixed.writeUInt8(version, 4);
  fixed.writeUInt8(suite, 5);
  fixed.writeUInt32BE(segmentSize, 6);
  fixed.set(salt, 10);
  fixed.writeUInt16BE(id.byteLength, 42);
  fixed.writeUInt16BE(wrapped.byteLength, 44);
  return Buffer.concat([fixed, id, wrapped]);
}

/** Reads a header; every length is checked before so much is asked for. @throws DECRYPTION_FAILED */
export async function readHeader(read: (size: number) => Promise<Uint8Array>): Promise<Header> {
  const exactly = async (size: number): Promise<Buffer> => {
    const bytes = await read(size);
    if (bytes.byteLength < size) throw refusal("the header is cut short");
    return Buffer.from(bytes.buffer, bytes.byteOffset, size);
  };
  const fixed = await exactly(fixedLength);
  if (!fixed.subarray(0, 4).equals(magic)) throw refusal("it is not an Ashlar envelope");
  if (fixed[4] !== version || fixed[5] !== suite) {
    throw refusal(
      `its version ${fixed[4]} and suite ${fixed[5]} are not known; this code knows ${version} and ${suite}`,
    );
  }
  const segmentSize = fixed.readUInt32BE(6);
  const keyIdLength = fixed.readUInt16BE(42);
  const wrappedLength = fixed.readUInt16BE(44);
  if (segmentSize < minSegmentSize || segmentSize > maxSegmentSize) throw refusal(`a segment size of ${segmentSize}`);
  if (keyIdLength > maxKeyIdLength) throw refusal(`a key id of ${keyIdLength} bytes`);
  if (wrappedLength > maxWrappedLength) throw refusal(`a wrapped key of ${wrappedLength} bytes`);
  const rest = await exactly(keyIdLength + wrappedLength + commitmentLength);
  const keyId = rest.toString("utf8", 0, keyIdLength);
  return {
    segmentSize,
    salt: fixed.subarray(10, 42),
    keyId,
    wrapped: rest.subarray(keyIdLength, keyIdLength + wrappedLength),
    prefix: Buffer.concat([fixed, rest.subarray(0, keyIdLength + wrappedLength)]),
    commitment: rest.subarray(keyIdLength + wrappedLength),
  };
}

/**
 * The message key, base nonce and commitment. All three depend on the data key, on every byte of the header before
 * the commitment, and on the context: who changes one of them meets a commitment that does not hold, before a byte
 * of the body is read. SHA-512 makes it infeasible to find two keys with one commitment, as AES-GCM alone does not.
 */
export function deriveMessageKey(
  dataKey: Uint8Array,
  { prefix, salt, context }: { prefix: Uint8Array; salt: Uint8Array; context: Uint8Array },
): MessageKey {
  const info = Buffer.concat([label, createHash("sha512").update(prefix).digest(), context]);
  const derived = new Uint8Array(hkdfSync("sha512", dataKey, salt, info, 32 + 12 + commitmentLength));
  const key = createSecretKey(derived.subarray(0, 32));
  derived.fill(0, 0, 32);
  return { key, baseNonce: derived.subarray(32, 44), commitment: derived.subarray(44) };
}

function refusal(reason: string): Error {
  return coreError("DECRYPTION_FAILED", { reason });
}
