import { isAshlarError, type ObjectStore } from "@ashlar/core";
import { isRecord } from "./schema.ts";

/** "Last Checkpoint File Schema" of the protocol. */
export interface LastCheckpoint {
  readonly version: number;
  /** Actions. */
  readonly size: number;
  /** Bytes. */
  readonly sizeInBytes: number;
  readonly numOfAddFiles: number;
}

/**
 * Where a reader may begin: a hint, and no more. One that is missing, damaged or wrong costs a longer listing.
 */
export async function readLastCheckpoint(objects: ObjectStore, key: string): Promise<number | undefined> {
  try {
    const hint: unknown = JSON.parse(new TextDecoder().decode(await (await objects.get(key)).bytes()));
    const version = isRecord(hint) ? hint["version"] : undefined;
    return typeof version === "number" && Number.isSafeInteger(version) && version >= 0 ? version : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || isAshlarError(error, "OBJECT_NOT_FOUND")) return undefined;
    throw error;
  }
}

export async function writeLastCheckpoint(objects: ObjectStore, key: string, last: LastCheckpoint): Promise<void> {
  await objects.put(key, new TextEncoder().encode(JSON.stringify(last)));
}
