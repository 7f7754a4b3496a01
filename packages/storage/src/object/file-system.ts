import { linkSync, renameSync, rmdirSync, statSync, unlinkSync } from "node:fs";
import { rm, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import {
  assertObjectKey,
  type Bytes,
  coreError,
  type ListOptions,
  type ObjectInfo,
  type ObjectStore,
  type PutOptions,
} from "@ashlar/core";
import { storageError } from "../errors.ts";
import { CommitLock } from "./commit-lock.ts";
import { hasCode, isMissing, namedFileError } from "./file-errors.ts";
import { Folders, makeFolders } from "./file-folders.ts";
import { etagOf, infoOf } from "./file-info.ts";
import { openObject } from "./file-read.ts";
import { HeldFiles } from "./file-release.ts";
import { walk } from "./file-walk.ts";
import { NameGuard } from "./name-guard.ts";
import { pathOfKey, reservedFolder } from "./path-encoding.ts";
import { type NewObject, putEach, type PutsAbsent } from "./put-absent.ts";
import { Staging } from "./staging.ts";

/** An object store whose objects are files. */
export interface FileSystemStore extends ObjectStore, PutsAbsent, AsyncDisposable {
  /** The absolute path of the file that holds a key, whether it exists or not. @throws INVALID_KEY */
  pathOf(key: string): string;
}

/**
 * A folder as an object store. A key is the path below the root, so other tools find the files; the folder `.ashlar`
 * below the root belongs to the store. A `put` is written aside, synced, then linked or renamed into place and the
 * folder synced: it is whole or absent after a kill or a power cut. Conditions hold between processes of one machine.
 *
 * A key cannot be the folder of another here (`a` and `a/b`): OBJECT_KEY_CONFLICT. So is a key that the file system does
 * not tell from one that is there, as those of macOS and Windows fold letter case and Unicode forms, or that it would
 * give back otherwise. What it does to names is found out by the first write, in a file below `.ashlar`.
 *
 * A full disk, quota or file size limit is STORAGE_FULL, a missing permission STORAGE_DENIED.
 *
 * @param options.root the folder; it is made on the first write
 */
export function fileSystem(options: { readonly root: string }): FileSystemStore {
  return new FileSystem(resolve(options.root));
}

interface Target {
  readonly key: string;
  readonly path: string;
  readonly options: PutOptions;
}

class FileSystem implements FileSystemStore {
  readonly capabilities = { conditionalPut: true, rangeRead: true } as const;
  readonly #root: string;
  readonly #staging: Staging;
  readonly #folders: Folders = new Folders();
  readonly #lock: CommitLock;
  readonly #names: NameGuard;

  constructor(root: string) {
    this.#root = root;
    this.#staging = new Staging(join(root, reservedFolder, "staging"));
    this.#lock = new CommitLock(join(root, reservedFolder, "lock"));
    this.#names = new NameGuard(root, join(root, reservedFolder, "names"));
  }

  pathOf(key: string): string {
    assertObjectKey(key);
    return join(this.#root, pathOfKey(key));
  }

  async get(key: string, options: Parameters<ObjectStore["get"]>[1] = {}): ReturnType<ObjectStore["get"]> {
    const path = this.pathOf(key);
    options.signal?.throwIfAborted();
    return this.#named("get", key, async () => {
      if (!this.#names.isOwn(pathOfKey(key))) throw coreError("OBJECT_NOT_FOUND", { key });
      return openObject(key, path, options);
    });
  }

  async put(key: string, body: Parameters<ObjectStore["put"]>[1], options: PutOptions = {}): Promise<ObjectInfo> {
    const path = this.pathOf(key);
    options.signal?.throwIfAborted();
    return this.#named("put", key, () => this.#write({ key, path, options }, body));
  }

  async #write({ key, path, options }: Target, body: Bytes): Promise<ObjectInfo> {
    const staged = await this.#staging.write(body, options.signal);
    this.#names.probe();
    try {
      const info = infoOf(key, statSync(staged, { bigint: true }));
      // link(2) alone decides ifAbsent; everything that replaces a file takes its turn under the lock, and so does
      // everything where a name is not decided by link(2).
      if (options.ifAbsent === true && this.#names.isExact)
        this.#place(key, path, options, () => linkSync(staged, path));
      else {
        const commit = options.ifAbsent === true ? linkSync : replaceSync;
        await using replaced = new HeldFiles();
        await this.#lock.hold(() => this.#place(key, path, options, () => commit(staged, path, replaced)));
      }
      await this.#folders.sync([dirname(path)]);
      return info;
    } finally {
      await rm(staged, { force: true });
    }
  }

  async putAbsent(
    objects: readonly NewObject[],
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<readonly (ObjectInfo | undefined)[]> {
    const paths = objects.map(({ key }) => this.pathOf(key));
    options.signal?.throwIfAborted();
    return this.#named("put", objects[0]?.key ?? "", async () => {
      this.#names.probe();
      // Where a link does not decide on a name, each has to take its turn under the lock.
      if (!this.#names.isExact) return putEach(this, objects, options);
      const bodies = objects.map(({ body }) => body);
      const staged = await this.#staging.writeAll(bodies, options.signal);
      const folders = new Set<string>();
      try {
        const placed = objects.map(({ key }, index): ObjectInfo | undefined => {
          const [path = "", file] = [paths[index], staged[index]];
          if (file === undefined || !linkAbsent(key, file.path, path, (...made) => this.#folders.made(...made))) {
            return undefined;
          }
          folders.add(dirname(path));
          return infoOf(key, file.stats);
        });
        await this.#folders.sync(folders);
        return placed;
      } finally {
        for (const { path } of staged) unlinkSync(path);
      }
    });
  }

  async head(key: string, options: { readonly signal?: AbortSignal } = {}): Promise<ObjectInfo | undefined> {
    const path = this.pathOf(key);
    options.signal?.throwIfAborted();
    return this.#named("head", key, () => this.#info(key, path));
  }

  async delete(key: string, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const path = this.pathOf(key);
    options.signal?.throwIfAborted();
    await this.#named("delete", key, () => this.#delete(key, path));
  }

  async #info(key: string, path: string): Promise<ObjectInfo | undefined> {
    return this.#names.isOwn(pathOfKey(key)) ? infoIfFile(key, path) : undefined;
  }

  async #delete(key: string, path: string): Promise<void> {
    if ((await this.#info(key, path)) === undefined) return;
    makeFolders(key, dirname(join(this.#root, reservedFolder, "lock")));
    await using removed = new HeldFiles();
    const kept = await this.#lock.hold(() => this.#remove(path, removed));
    await this.#folders.sync([kept]);
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncIterable<ObjectInfo> {
    const folder = prefix.slice(0, Math.max(0, prefix.lastIndexOf("/")));
    if (folder !== "" && !this.#names.isOwn(pathOfKey(folder))) return;
    for await (const [key, path] of walk(this.#root, prefix, options)) {
      options.signal?.throwIfAborted();
      const info = await infoIfFile(key, path);
      if (info !== undefined) yield info;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lock[Symbol.asyncDispose]();
  }

  async #named<Result>(operation: string, key: string, work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      throw namedFileError(error, { root: this.#root, operation, key });
    }
  }

  #place(key: string, path: string, options: PutOptions, commit: () => void): void {
    for (let attempt = 0; ; attempt++) {
      this.#names.assertOwn(key, pathOfKey(key));
      checkConditions(key, path, options);
      const made = makeFolders(key, dirname(path));
      try {
        return commit();
      } catch (error) {
        // A concurrent delete may have taken the emptied folder away.
        if (hasCode(error, "ENOENT") && attempt < 100) continue;
        if (hasCode(error, "EEXIST") && options.ifAbsent === true && isFile(path)) throw exists(key);
        if (hasCode(error, "EISDIR", "ENOTEMPTY", "EEXIST", "ENOTDIR")) {
          throw storageError("OBJECT_KEY_CONFLICT", { key, other: key }, { cause: error });
        }
        throw error;
      } finally {
        if (made !== undefined) this.#folders.made(made, dirname(path));
      }
    }
  }

  /** Removes a file and the folders it leaves empty; returns the nearest folder that stays. */
  #remove(path: string, removed: HeldFiles): string {
    removed.hold(path);
    try {
      unlinkSync(path);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    let folder = dirname(path);
    for (; folder !== this.#root; folder = dirname(folder)) {
      try {
        rmdirSync(folder);
      } catch {
        break;
      }
    }
    return folder;
  }
}

function replaceSync(staged: string, path: string, replaced: HeldFiles): void {
  replaced.hold(path);
  renameSync(staged, path);
}

/** Links a file into its place; false when there is one. */
function linkAbsent(key: string, staged: string, path: string, made: (first: string, last: string) => void): boolean {
  for (let attempt = 0; ; attempt++) {
    try {
      linkSync(staged, path);
      return true;
    } catch (error) {
      if (hasCode(error, "EEXIST") && isFile(path)) return false;
      if (hasCode(error, "EEXIST")) throw storageError("OBJECT_KEY_CONFLICT", { key, other: key }, { cause: error });
      // A concurrent delete may have taken the emptied folder away.
      if (!hasCode(error, "ENOENT", "ENOTDIR") || attempt > 100) throw error;
      const first = makeFolders(key, dirname(path));
      if (first !== undefined) made(first, dirname(path));
    }
  }
}

function checkConditions(key: string, path: string, options: PutOptions): void {
  if (options.ifMatch === undefined) return;
  const expected = `its etag is ${options.ifMatch}`;
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (stats === undefined) throw coreError("PRECONDITION_FAILED", { key, expected, actual: "it does not exist" });
  const etag = etagOf(stats);
  if (etag !== options.ifMatch) {
    throw coreError("PRECONDITION_FAILED", { key, expected, actual: `its etag is ${etag}` });
  }
}

const exists = (key: string): Error =>
  coreError("PRECONDITION_FAILED", { key, expected: "absent", actual: "it exists" });

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

async function infoIfFile(key: string, path: string): Promise<ObjectInfo | undefined> {
  try {
    const stats = await stat(path, { bigint: true });
    return stats.isFile() ? infoOf(key, stats) : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
