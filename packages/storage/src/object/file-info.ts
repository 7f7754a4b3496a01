import type { BigIntStats } from "node:fs";
import type { ObjectInfo } from "@ashlar/core";

/** What the store says of an object, from the file's status. */
export function infoOf(key: string, stats: BigIntStats): ObjectInfo {
  return { key, size: Number(stats.size), etag: etagOf(stats), lastModified: Number(stats.mtimeNs / 1_000_000n) };
}

/** Changes with every write: see the stamps of `staging.ts`. */
export function etagOf(stats: BigIntStats): string {
  return `"${stats.ino.toString(36)}-${stats.mtimeNs.toString(36)}-${stats.size.toString(36)}"`;
}
