import { createHash } from "node:crypto";
import type { EncryptionContext } from "@ashlar/core";
import { securityError } from "../errors.ts";

const maxPairs = 64;
const maxBytes = 4096;

/**
 * The one byte string of a context: pairs sorted by the UTF-8 bytes of their names, each string with a 16-bit
 * big-endian length before it, so that no two contexts share a form. Unicode is not normalised: the context is
 * compared exactly.
 *
 * @throws ENCRYPTION_CONTEXT_INVALID for more than 64 pairs, strings over 4,096 bytes, and lone surrogates
 */
export function canonicalContext(context: EncryptionContext): Uint8Array {
  const pairs = Object.entries(context).map(([name, value]) => [encode(name, name), encode(name, value)] as const);
  if (pairs.length > maxPairs) {
    const name = `${pairs.length} pairs`;
    throw securityError("ENCRYPTION_CONTEXT_INVALID", { name, rule: `there are more than ${maxPairs}` });
  }
  pairs.sort(([a], [b]) => Buffer.compare(a, b));
  return Buffer.concat(pairs.flatMap(([name, value]) => [length16(name), name, length16(value), value]));
}

/** SHA-512 of the canonical form. */
export function contextDigest(context: EncryptionContext): Uint8Array {
  return createHash("sha512").update(canonicalContext(context)).digest();
}

function encode(name: string, value: unknown): Buffer {
  const refuse = (rule: string): Error => securityError("ENCRYPTION_CONTEXT_INVALID", { name, rule });
  if (typeof value !== "string") throw refuse("a value is not a string");
  // An encoder would write U+FFFD for every lone surrogate, and different contexts would become the same.
  if (!value.isWellFormed()) throw refuse("it has a lone surrogate");
  const bytes = Buffer.from(value, "utf8");
  if (bytes.byteLength > maxBytes) throw refuse(`a string is longer than ${maxBytes} bytes`);
  return bytes;
}

function length16(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.byteLength);
  return length;
}
