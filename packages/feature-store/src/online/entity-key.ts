import { createHash } from "node:crypto";
import type { KeyPart } from "../offline/key-dictionary.ts";

const tags = { string: 1, number: 2, bigint: 2, boolean: 3 } as const;
const digestTag = 255;
const headBytes = 5;

/** Every store takes keys of this length; LMDB and DynamoDB take no key of 2 kB. */
const longestKey = 512;

/**
 * A key as bytes: each part with its type and length, so that no two keys are the same bytes. One of more than 512 bytes
 * stands as its SHA-256.
 */
export function entityKey(parts: readonly KeyPart[]): Uint8Array {
  const texts = parts.map(String);
  const lengths = texts.map((text) => Buffer.byteLength(text));
  const bytes = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + headBytes + length, 0));
  let at = 0;
  texts.forEach((text, i) => {
    bytes[at] = tags[typeof parts[i] as keyof typeof tags];
    bytes.writeUInt32LE(lengths[i] as number, at + 1);
    bytes.write(text, at + headBytes);
    at += headBytes + (lengths[i] as number);
  });
  if (bytes.length <= longestKey) return bytes;
  return Buffer.concat([Uint8Array.of(digestTag), createHash("sha256").update(bytes).digest()]);
}
