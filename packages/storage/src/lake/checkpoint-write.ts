import type { ObjectStore } from "@ashlar/core";
import { writeLastCheckpoint } from "./last-checkpoint.ts";
import type { TableLog } from "./log.ts";
import { deletedFileRetention } from "./properties.ts";
import type { TableState } from "./state.ts";

/** Drops the tombstones whose retention is over: a checkpoint leaves them out. */
export function dropExpired(state: TableState, now: number): void {
  const expired = now - deletedFileRetention(state.definition?.configuration ?? {});
  for (const [key, remove] of state.tombstones) {
    if ((remove.deletionTimestamp ?? 0) < expired) state.tombstones.delete(key);
  }
}

/**
 * Writes a classic checkpoint of a state, which must not change meanwhile, and the hint that points to it. Whoever wrote
 * one of the same version before wrote the same.
 */
export async function writeCheckpoint(objects: ObjectStore, log: TableLog, state: TableState): Promise<void> {
  const { body, size } = await state.checkpoints.encode(state);
  await objects.put(log.checkpointKeyOf(state.version), body);
  const last = { version: state.version, size, sizeInBytes: body.byteLength, numOfAddFiles: state.files.size };
  await writeLastCheckpoint(objects, log.lastCheckpointKey, last, body, async (version) => {
    const { checkpoints } = await log.list({ from: version, until: version });
    return checkpoints.length > 0;
  });
}
