import { isAshlarError, type ObjectStore } from "@ashlar/core";
import type { CheckpointFiles } from "./checkpoint.ts";
import type { TableLog } from "./log.ts";

/**
 * Deletes the log entries and checkpoints that are not needed for any version within the retention: "Metadata Cleanup"
 * of the protocol. The newest checkpoint from before the retention stays with its entry and everything after it; it is
 * read first, for it is all that remains of the entries. They go in ascending order, so that a clean-up that is killed
 * leaves a log that begins later, without a hole. Stray entries go at once.
 *
 * @param before epoch milliseconds: entries the store changed later are kept
 * @returns the oldest version of which the log has the entry; undefined where there is none
 */
export async function cleanUpLog(objects: ObjectStore, log: TableLog, before: number): Promise<number | undefined> {
  // Whoever has just put one, and finds it gone, commits again.
  for (const { version } of (await log.list()).strays) await objects.delete(log.keyOf(version));
  let oldest: number | undefined;
  const expired: { readonly key: string; readonly version: number }[] = [];
  let lastCommit = -1;
  for await (const { key, lastModified } of objects.list(log.prefix)) {
    const match = /^(\d{20})\.(.*)$/.exec(key.slice(log.prefix.length));
    if (match === null) break;
    const version = Number(match[1]);
    if (match[2] === "json") {
      oldest ??= version;
      if (lastModified >= before) break;
      lastCommit = version;
    }
    expired.push({ key, version });
  }
  if (lastCommit <= 0) return oldest;
  const checkpoint = (await log.list({ until: lastCommit })).checkpoints.at(-1);
  const doomed = expired.filter(({ version }) => version < (checkpoint?.version ?? 0));
  if (checkpoint === undefined || doomed.length === 0 || !(await isReadable(log, checkpoint))) return oldest;
  for (const { key } of doomed) await objects.delete(key);
  return checkpoint.version;
}

async function isReadable(log: TableLog, checkpoint: CheckpointFiles): Promise<boolean> {
  try {
    await log.readCheckpoint(checkpoint, (await log.lastCheckpoint())?.noted);
    return true;
  } catch (error) {
    if (isAshlarError(error, "LOG_CORRUPT")) return false;
    throw error;
  }
}
