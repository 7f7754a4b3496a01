import { closeSync, fsyncSync, mkdirSync, openSync } from "node:fs";
import { open } from "node:fs/promises";
import { dirname } from "node:path";
import { storageError } from "../errors.ts";
import { hasCode, isMissing } from "./file-errors.ts";

/** Returns the first folder that had to be made. @throws OBJECT_KEY_CONFLICT */
export function makeFolders(key: string, folder: string): string | undefined {
  try {
    return mkdirSync(folder, { recursive: true });
  } catch (error) {
    if (!hasCode(error, "EEXIST", "ENOTDIR")) throw error;
    throw storageError("OBJECT_KEY_CONFLICT", { key, other: key.slice(0, key.lastIndexOf("/")) }, { cause: error });
  }
}

export async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    // A folder that is gone was emptied by a delete, which synced the one above it.
    if (!isMissing(error)) throw error;
  }
}

/** The folders that say that folders which were made are there: those above them, from the last one up. */
export function* foldersAbove(first: string, last: string): Generator<string> {
  for (let folder = last; folder.length >= first.length; folder = dirname(folder)) yield dirname(folder);
}

/** A new folder is durable when the folder above it is. */
export function syncMade(first: string, last: string): void {
  for (const folder of foldersAbove(first, last)) {
    const handle = openSync(folder, "r");
    try {
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
  }
}
