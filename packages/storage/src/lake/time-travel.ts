import { storageError } from "../errors.ts";
import { VersionTimes } from "./in-commit-timestamp.ts";
import type { TableLog } from "./log.ts";
import { earliestOf } from "./replay.ts";
import type { Definition, TableState } from "./state.ts";

/** A version, or a moment: epoch milliseconds or a `Date`. */
export type PointInTime = { readonly version: number } | { readonly timestamp: number | Date };

/**
 * The version that a point in time names. A moment names the last version committed at or before it, by the times of
 * `history`; a moment in the future names the latest.
 *
 * @param latest asked for when a moment is to be found
 * @throws TIMESTAMP_NOT_FOUND, TABLE_NOT_FOUND, LOG_CORRUPT
 */
export async function resolveVersion(
  log: TableLog,
  latest: () => Promise<TableState>,
  when: number | PointInTime,
): Promise<number> {
  if (typeof when === "number") return when;
  if ("version" in when) return when.version;
  const timestamp = Number(when.timestamp);
  const { table, definition } = await latest();
  const files = await log.list();
  const times = new VersionTimes(log, definition as Definition, files.commits);
  const earliest = earliestOf(files);
  const version = await times.versionAt(timestamp);
  if (version !== undefined && version >= earliest) return version;
  throw storageError("TIMESTAMP_NOT_FOUND", { table, timestamp, earliest: (await times.from(earliest)) ?? timestamp });
}
