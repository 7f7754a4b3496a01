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
  if (parts.length === 1 && typeof parts[0] === "string") return shortKey(parts[0]) ?? longKey(parts);
  return longKey(parts);
}

/** The key of one part of a few ASCII characters, which is most often what is asked for; undefined for another. */
function shortKey(text: string): Uint8Array | undefined {
  if (text.length > 64) return undefined;
  const bytes = Buffer.allocUnsafe(headBytes + text.length);
  bytes[0] = tags.string;
  bytes[1] = text.length;
  bytes[2] = 0;
  bytes[3] = 0;
  bytes[4] = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 127) return undefined;
    bytes[headBytes + i] = unit;
  }
  return bytes;
}

function longKey(parts: readonly KeyPart[]): Uint8Array {
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
