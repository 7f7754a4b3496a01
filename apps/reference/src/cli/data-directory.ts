import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { referenceError } from "../errors.ts";

/** Layout of the data directory; a change that older code could not read makes a new version. */
const layoutVersion = 1;

/** Where things are kept. */
export interface DataDirectory {
  readonly root: string;
  file(...parts: string[]): string;
}

/**
 * Opens the data directory, making it when it is new. Everything is checked before anything is changed.
 *
 * @throws DATA_DIRECTORY_UNUSABLE, DATA_DIRECTORY_TOO_NEW
 */
export function openDataDirectory(path: string, options: { readonly fresh: boolean }): DataDirectory {
  const root = resolve(path);
  const marker = join(root, "ashlar.json");
  const unusable = (reason: string, cause?: unknown): Error =>
    referenceError("DATA_DIRECTORY_UNUSABLE", { path: root, reason }, { cause });

  if (existsSync(root)) {
    const names = list(root, unusable);
    if (names.length > 0 && !existsSync(marker)) throw unusable("it has other things in it");
    if (names.length > 0) checkVersion(root, marker, unusable);
  }
  try {
    if (options.fresh && existsSync(marker)) rmSync(root, { recursive: true });
    mkdirSync(root, { recursive: true, mode: 0o700 });
    accessSync(root, constants.W_OK | constants.X_OK);
    if (!existsSync(marker)) writeFileSync(marker, `${JSON.stringify({ layoutVersion })}\n`);
  } catch (error) {
    throw unusable((error as Error).message, error);
  }
  return { root, file: (...parts) => join(root, ...parts) };
}

function list(root: string, unusable: (reason: string, cause?: unknown) => Error): string[] {
  try {
    return readdirSync(root);
  } catch (error) {
    throw unusable((error as Error).message, error);
  }
}

function checkVersion(root: string, marker: string, unusable: (reason: string, cause?: unknown) => Error): void {
  let found: unknown;
  try {
    found = (JSON.parse(readFileSync(marker, "utf8")) as { layoutVersion?: unknown }).layoutVersion;
  } catch (error) {
    throw unusable(`its ashlar.json cannot be read (${(error as Error).message})`, error);
  }
  if (typeof found !== "number") throw unusable("its ashlar.json names no version");
  if (found > layoutVersion)
    throw referenceError("DATA_DIRECTORY_TOO_NEW", { path: root, found, known: layoutVersion });
}
