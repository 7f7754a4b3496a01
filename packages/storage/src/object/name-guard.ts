import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { storageError } from "../errors.ts";
import { foldName } from "../fold-name.ts";
import { isMissing } from "./file-errors.ts";

/** The part of a file system that tells what it does to names. */
export interface NameFiles {
  exists(path: string): boolean;
  /** Names in a folder; none where there is no folder. */
  names(folder: string): readonly string[];
  /** Makes an empty file with the folders above it, or leaves the one that is there. */
  touch(path: string): void;
  /** Removes a file or a folder with all that is in it. */
  remove(path: string): void;
}

const nodeFiles: NameFiles = {
  exists: (path) => statSync(path, { throwIfNoEntry: false }) !== undefined,
  names(folder) {
    try {
      return readdirSync(folder);
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  },
  touch(path) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, "", { flag: "a" });
  },
  remove: (path) => rmSync(path, { recursive: true, force: true }),
};

/** A name, and others that are the same one where letter case or Unicode form (composed, decomposed) does not count. */
const probeName = "Name-\u00e9";
const alike = ["name-\u00e9", "Name-\u00c9", "Name-e\u0301"] as const;

interface MissingPart {
  readonly folder: readonly string[];
  /** The missing name, and those below it. */
  readonly rest: readonly string[];
  /** The name that is taken for the missing one. */
  readonly standing: string | undefined;
}

/**
 * Keeps keys apart on file systems that do not tell all names apart, as those of macOS and Windows, or that give names
 * back otherwise than they got them. Which kind it is is found out by a file that stays in a folder of the store's own.
 */
export class NameGuard {
  readonly #root: string;
  readonly #scratch: string;
  readonly #files: NameFiles;
  #isExact: boolean | undefined;

  /** @param scratch a folder of the store's own, which is on the same file system */
  constructor(root: string, scratch: string, files: NameFiles = nodeFiles) {
    this.#root = root;
    this.#scratch = scratch;
    this.#files = files;
  }

  /** Finds out what the file system does to names. */
  probe(): void {
    if (this.#isExact !== undefined) return;
    if (!this.#files.exists(join(this.#scratch, probeName))) this.#files.touch(join(this.#scratch, probeName));
    this.#isExact = this.#judged();
  }

  #judged(): boolean {
    const folds = alike.some((name) => this.#files.exists(join(this.#scratch, name)));
    return !folds && this.#files.names(this.#scratch).includes(probeName);
  }

  /** True where every name is a file of its own. Who only reads learns it from what a writer found out. */
  get isExact(): boolean {
    if (this.#isExact === undefined && this.#files.exists(join(this.#scratch, probeName)))
      this.#isExact = this.#judged();
    return this.#isExact ?? true;
  }

  /** Whether there may be something at a path below the root that has exactly these names, and not merely ones that are taken for them. */
  isOwn(path: string): boolean {
    return this.isExact || this.#firstOther(path) === undefined;
  }

  /** @throws OBJECT_KEY_CONFLICT for a key whose file or folder would be that of another key, or get another name */
  assertOwn(key: string, path: string): void {
    if (this.isExact) return;
    const other = this.#firstOther(path);
    if (other === undefined) return;
    const { folder, rest, standing } = other;
    if (standing !== undefined) {
      const taken = [...folder, standing].join("/");
      const reason = `this file system does not tell it from ${JSON.stringify(taken)}, which is there`;
      throw storageError("OBJECT_KEY_CONFLICT", { key, other: taken, reason });
    }
    for (const name of rest) {
      const back = this.#givenBack(name);
      if (back === name) continue;
      const reason = `this file system would give the name ${JSON.stringify(name)} back as ${JSON.stringify(back)}`;
      throw storageError("OBJECT_KEY_CONFLICT", { key, other: back, reason });
    }
  }

  /** The first part of a path that is not there by this name, what comes with it, and what stands in its place. */
  #firstOther(path: string): MissingPart | undefined {
    const parts = path.split("/");
    for (const [index, name] of parts.entries()) {
      const folder = parts.slice(0, index);
      const here = join(this.#root, ...folder);
      const names = this.#files.names(here);
      if (names.includes(name)) continue;
      const same = names.find((candidate) => foldName(candidate) === foldName(name)) ?? "another name";
      const standing = this.#files.exists(join(here, name)) ? same : undefined;
      return { folder, rest: parts.slice(index), standing };
    }
    return undefined;
  }

  /** The name that a new file of this name would get. */
  #givenBack(name: string): string {
    const folder = join(this.#scratch, crypto.randomUUID());
    try {
      this.#files.touch(join(folder, name));
      return this.#files.names(folder)[0] ?? "";
    } finally {
      this.#files.remove(folder);
    }
  }
}
