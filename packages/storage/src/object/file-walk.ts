import type { Dirent } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { compareObjectKeys, type ListOptions } from "@ashlar/core";
import { isMissing } from "./file-errors.ts";
import { decodeName, pathOfKey, reservedFolder } from "./path-encoding.ts";

type Found = readonly [key: string, path: string];

/** The keys below a root that start with `prefix`, with their paths, in the order of their UTF-8 bytes. */
export async function* walk(root: string, prefix: string, options: ListOptions): AsyncGenerator<Found> {
  const slash = prefix.lastIndexOf("/");
  const above = prefix.slice(0, slash + 1);
  if (above.split("/").slice(0, -1).some(isNoSegment)) return;
  const folder = slash < 0 ? root : join(root, pathOfKey(prefix.slice(0, slash)));
  yield* walkFolder(folder, above, { ...options, prefix, root });
}

interface Walk extends ListOptions {
  readonly prefix: string;
  readonly root: string;
}

const isNoSegment = (segment: string): boolean => segment === "" || segment === "." || segment === "..";

async function* walkFolder(folder: string, above: string, walk: Walk): AsyncGenerator<Found> {
  walk.signal?.throwIfAborted();
  const entries = await entriesOf(folder, above, walk);
  if (entries.some((entry) => entry.continues)) {
    // The pieces of long segments do not sort as their keys do: this folder alone is gathered and sorted.
    const found: Found[] = [];
    for (const entry of entries) for await (const item of walkEntry(entry, walk)) found.push(item);
    yield* found.sort(([a], [b]) => compareObjectKeys(a, b));
  } else {
    for (const entry of entries) yield* walkEntry(entry, walk);
  }
}

interface Entry {
  /** The key of a file; the beginning of all keys in a folder. */
  readonly text: string;
  readonly path: string;
  readonly isFolder: boolean;
  readonly continues: boolean;
}

async function entriesOf(folder: string, above: string, walk: Walk): Promise<Entry[]> {
  return (await readFolder(folder))
    .filter((entry) => folder !== walk.root || entry.name !== reservedFolder)
    .map((entry) => describe(entry, folder, above))
    .filter((entry) => mayMatch(entry, walk))
    .sort((a, b) => compareObjectKeys(a.text, b.text));
}

function describe(entry: Dirent, folder: string, above: string): Entry {
  const { text, continues } = decodeName(entry.name);
  const isFolder = entry.isDirectory();
  return {
    text: above + text + (isFolder && !continues ? "/" : ""),
    path: join(folder, entry.name),
    isFolder,
    continues: isFolder && continues,
  };
}

function mayMatch({ text, isFolder }: Entry, { prefix, startAfter }: Walk): boolean {
  if (!text.startsWith(prefix) && !(isFolder && prefix.startsWith(text))) return false;
  if (startAfter === undefined) return true;
  return compareObjectKeys(text, startAfter) > 0 || (isFolder && startAfter.startsWith(text));
}

async function* walkEntry(entry: Entry, walk: Walk): AsyncGenerator<Found> {
  if (entry.isFolder) yield* walkFolder(entry.path, entry.text, walk);
  else yield [entry.text, entry.path];
}

async function readFolder(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}
