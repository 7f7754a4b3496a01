import { storageError } from "../errors.ts";
import type { TableLog } from "./log.ts";
import { earliestOf } from "./replay.ts";
import { commitTimes, versionAt } from "./time.ts";

/** A version, or a moment: epoch milliseconds or a `Date`. */
export type PointInTime = { readonly version: number } | { readonly timestamp: number | Date };

/**
 * The version that a point in time names. A moment names the last version committed at or before it, by the times of
 * `history`; a moment in the future names the latest.
 *
 * @throws TIMESTAMP_NOT_FOUND, TABLE_NOT_FOUND
 */
export async function resolveVersion(log: TableLog, table: string, when: number | PointInTime): Promise<number> {
  if (typeof when === "number") return when;
  if ("version" in when) return when.version;
  const timestamp = Number(when.timestamp);
  const files = await log.list();
  const times = commitTimes(files.commits).filter(({ version }) => version >= earliestOf(files));
  const [first] = times;
  if (first === undefined) throw storageError("TABLE_NOT_FOUND", { table });
  const version = versionAt(times, timestamp);
  if (version !== undefined) return version;
  throw storageError("TIMESTAMP_NOT_FOUND", { table, timestamp, earliest: first.timestamp });
}
