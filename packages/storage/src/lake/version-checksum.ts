import { isAshlarError, type ObjectStore } from "@ashlar/core";
import type { AddFile } from "./actions.ts";
import { isRecord } from "./schema.ts";

/**
 * Why the files of a version are not those that its checksum file tells of ("Version Checksum File" of the protocol),
 * which Spark writes; undefined where it has nothing against them, or cannot be read.
 */
export async function unlikeChecksum(
  objects: ObjectStore,
  key: string,
  adds: readonly AddFile[],
): Promise<string | undefined> {
  const told = await toldBy(objects, key);
  if (told === undefined) return undefined;
  const bytes = adds.reduce((sum, { size }) => sum + size, 0);
  if (adds.length === told.numFiles && bytes === told.tableSizeBytes) return undefined;
  const name = key.slice(key.lastIndexOf("/") + 1);
  return `it adds ${adds.length} files of ${bytes} bytes, where ${name} tells of ${told.numFiles} of ${told.tableSizeBytes}`;
}

async function toldBy(
  objects: ObjectStore,
  key: string,
): Promise<{ readonly numFiles: number; readonly tableSizeBytes: number } | undefined> {
  try {
    const told: unknown = JSON.parse(new TextDecoder().decode(await (await objects.get(key)).bytes()));
    const { numFiles, tableSizeBytes } = isRecord(told) ? told : {};
    return typeof numFiles === "number" && typeof tableSizeBytes === "number"
      ? { numFiles, tableSizeBytes }
      : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || isAshlarError(error, "OBJECT_NOT_FOUND")) return undefined;
    throw error;
  }
}
