import { bucketOf } from "./bucket.ts";

/** `prefix:{namespace:bucket}` and the bytes of the entity's key. Redis hashes only what stands in the braces. */
export function vectorKey(prefix: string, namespace: string, key: Uint8Array): Buffer {
  const head = `${prefix}:{${escaped(namespace)}:${bucketOf(key)}}`;
  const length = Buffer.byteLength(head);
  const bytes = Buffer.allocUnsafe(length + key.length);
  bytes.write(head);
  bytes.set(key, length);
  return bytes;
}

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
