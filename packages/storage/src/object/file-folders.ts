import { mkdirSync } from "node:fs";
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

/** Makes what was placed in folders durable, and the folders that had to be made for it. */
export class Folders {
  /** Syncs under way for folders that were made: whoever places something meanwhile may count on one of them. */
  readonly #making: Set<Promise<void>> = new Set();

  /** A new folder is durable when the folder above it is. `first` is the uppermost that was made, `last` the lowest. */
  made(first: string, last: string): void {
    const above: string[] = [];
    for (let folder = last; folder.length >= first.length; folder = dirname(folder)) above.push(dirname(folder));
    const syncing = syncAll(above);
    this.#making.add(syncing);
    // One that fails stays until somebody has heard of it.
    syncing.then(
      () => this.#making.delete(syncing),
      () => undefined,
    );
  }

  async sync(folders: Iterable<string>): Promise<void> {
    const making = [...this.#making];
    try {
      await Promise.all([syncAll(folders), ...making]);
    } finally {
      for (const syncing of making) this.#making.delete(syncing);
    }
  }
}

async function syncAll(folders: Iterable<string>): Promise<void> {
  await Promise.all([...folders].map(syncFolder));
}

async function syncFolder(folder: string): Promise<void> {
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
