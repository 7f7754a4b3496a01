import { coreError } from "./errors.ts";

const maxKeyBytes = 1024;
const utf8 = new TextEncoder();

/** Refuses a key that is not portable across object stores. @throws INVALID_KEY */
export function assertObjectKey(key: string): void {
  const rule = brokenRule(key);
  if (rule !== undefined) throw coreError("INVALID_KEY", { key, rule });
}

function brokenRule(key: string): string | undefined {
  if (key === "") return "it is empty";
  if (key.includes("\0")) return "it contains a NUL character";
  if (!key.isWellFormed()) return "it contains a lone surrogate";
  if (utf8.encode(key).byteLength > maxKeyBytes) return `it is longer than ${maxKeyBytes} bytes of UTF-8`;
  for (const segment of key.split("/")) {
    if (segment === "") return "it has an empty segment, or starts or ends with a slash";
    if (segment === "." || segment === "..") return `it has the segment "${segment}"`;
  }
  return undefined;
}

/** Compares keys by their UTF-8 bytes, the order of every object store (and not that of JavaScript's strings). */
export function compareObjectKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    // Surrogates (astral characters) sort after every other unit in UTF-8, but not in UTF-16.
    const xAstral = (x & 0xf800) === 0xd800;
    const yAstral = (y & 0xf800) === 0xd800;
    return xAstral === yAstral ? x - y : xAstral ? 1 : -1;
  }
  return a.length - b.length;
}
