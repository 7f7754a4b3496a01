import { bucketOf } from "./bucket.ts";
import { keyId } from "./port.ts";
import type { RedisArgument } from "./redis-client.ts";

/** `prefix:{namespace:bucket}` and the bytes of the entity's key. Redis hashes only what stands in the braces. */
export function vectorKey(prefix: string, namespace: string, key: Uint8Array): RedisArgument {
  return vectorKeys(prefix, namespace)(key);
}

/**
 * Makes the keys of a namespace; what they begin with is made once for each place. One of ASCII is text: the client sends all
 * texts of a command in one piece, and each buffer in three.
 */
export function vectorKeys(prefix: string, namespace: string): (key: Uint8Array) => RedisArgument {
  const name = escaped(namespace);
  const heads: string[] = [];
  return (key) => {
    const bucket = bucketOf(key);
    const head = (heads[bucket] ??= `${prefix}:{${name}:${bucket}}`);
    if (isAscii(key)) return head + keyId(key);
    return Buffer.concat([Buffer.from(head), key]);
  };
}

function isAscii(bytes: Uint8Array): boolean {
  let all = 0;
  for (let i = 0; i < bytes.length; i++) all |= bytes[i] as number;
  return all < 128;
}

/** The entity's key in the name of its vector: what follows the brace, of which a prefix has none. */
export const entityIn = (name: Buffer): Buffer => name.subarray(name.indexOf("}") + 1);

export function watermarkKey(prefix: string, namespace: string): Buffer {
  return Buffer.from(`${prefix}:{${escaped(namespace)}}watermark`);
}

/** A glob of every key of a namespace, the watermark's among them. */
export function namespacePattern(prefix: string, namespace: string): string[] {
  const head = globEscaped(`${prefix}:{${escaped(namespace)}`);
  return [`${head}:*`, `${head}}watermark`];
}

const globEscaped = (text: string): string => text.replace(/[\\*?[\]^]/g, "\\$&");

/** Without what would end the braces, or the name. */
const escaped = (namespace: string): string =>
  /[{}%:]/.test(namespace) ? namespace.replace(/[{}%:]/g, encodeURIComponent) : namespace;
