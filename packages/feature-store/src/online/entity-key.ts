import { createHash } from "node:crypto";
import { featureStoreError } from "../errors.ts";
import { exactInteger, type KeyPart } from "../offline/key-dictionary.ts";

export const tags = { string: 1, number: 2, bigint: 2, boolean: 3 } as const;
const digestTag = 255;
/** Tag and length of a part. */
export const headBytes = 5;

/** Every store takes keys of this length; LMDB and DynamoDB take no key of 2 kB. */
export const longestKey = 512;

/**
 * A key as bytes: each part with its type and length, so that no two keys are the same bytes. One of more than 512 bytes
 * stands as its SHA-256.
 */
export function entityKey(parts: readonly KeyPart[]): Uint8Array {
  const [part] = parts;
  if (parts.length !== 1 || part === undefined) return longKey(parts);
  return shortKey(tags[typeof part as keyof typeof tags], String(part)) ?? longKey(parts);
}

/** The key of one part of a few ASCII characters, which is most often what is asked for; undefined for another. */
function shortKey(tag: number, text: string): Uint8Array | undefined {
  if (text.length > 64) return undefined;
  const bytes = Buffer.allocUnsafe(headBytes + text.length);
  bytes[0] = tag;
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

/**
 * The parts of a key; undefined for one that stands as its digest.
 *
 * @throws VECTOR_CORRUPT when the bytes are no key
 */
export function keyParts(key: Uint8Array): KeyPart[] | undefined {
  if (key[0] === digestTag) return undefined;
  const bytes = Buffer.from(key.buffer, key.byteOffset, key.length);
  const parts: KeyPart[] = [];
  for (let at = 0; at < bytes.length;) {
    const start = at + headBytes;
    const end = start > bytes.length ? Infinity : start + bytes.readUInt32LE(at + 1);
    if (end > bytes.length) throw featureStoreError("VECTOR_CORRUPT", { reason: "its key is cut short" });
    const text = bytes.toString("utf8", start, end);
    const tag = bytes[at];
    parts.push(tag === tags.string ? text : tag === tags.boolean ? text === "true" : exactInteger(BigInt(text)));
    at = end;
  }
  return parts;
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
