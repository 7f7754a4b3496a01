import { assertObjectKey } from "@ashlar/core";

/** True when some allowed key may start with it. */
export function canBeginKey(prefix: string): boolean {
  return prefix === "" || isObjectKey(`${prefix}x`) || isObjectKey(prefix);
}

export function isObjectKey(key: string): boolean {
  try {
    assertObjectKey(key);
    return true;
  } catch {
    return false;
  }
}

/** The beginning of all names of a store within a bucket: empty, or a key and a slash. @throws INVALID_KEY */
export function storePrefix(prefix: string): string {
  if (prefix === "") return "";
  const folder = prefix.endsWith("/") ? prefix.slice(0, -1) : prefix;
  assertObjectKey(folder);
  return `${folder}/`;
}
