import { randomUUID } from "node:crypto";
import {
  type BigIntStats,
  closeSync,
  fstatSync,
  fsync,
  futimesSync,
  openSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { mkdir, open, readdir, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Bytes } from "@ashlar/core";
import { isMissing } from "./file-errors.ts";
import { writeBody } from "./file-write.ts";

const dayMilliseconds = 24 * 60 * 60 * 1000;

/** Files that are written before the first of them is waited for. */
const filesAtOnce = 64;

/** A file that has not got its name yet. */
export interface StagedFile {
  readonly path: string;
  readonly stats: BigIntStats;
}

/** A folder in which bodies are written out before they get their name. */
export class Staging {
  readonly folder: string;
  #ready: Promise<void> | undefined;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Writes a body to a new file, durable, and returns its path. Nothing is left behind when the body fails. */
  async write(body: Bytes, signal?: AbortSignal): Promise<string> {
    await (this.#ready ??= this.#prepare());
    const path = this.#newPath();
    try {
      await writeDurably(path, body, signal);
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
    return path;
  }

  /** Writes small bodies to new files, all durable. Nothing is left behind when one fails. */
  async writeAll(bodies: readonly Uint8Array[], signal?: AbortSignal): Promise<readonly StagedFile[]> {
    await (this.#ready ??= this.#prepare());
    const staged: StagedFile[] = [];
    try {
      for (let from = 0; from < bodies.length; from += filesAtOnce) {
        signal?.throwIfAborted();
        const paths = bodies.slice(from, from + filesAtOnce).map((body) => [this.#newPath(), body] as const);
        staged.push(...(await writeTogether(paths)));
      }
      return staged;
    } catch (error) {
      for (const { path } of staged) await rm(path, { force: true });
      throw error;
    }
  }

  #newPath(): string {
    return join(this.folder, `${process.pid}@${hostname()}@${randomUUID()}`);
  }

  async #prepare(): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    for (const name of await readdir(this.folder)) {
      const path = join(this.folder, name);
      if (await isAbandoned(name, path)) await rm(path, { force: true });
    }
  }
}

async function writeDurably(path: string, body: Bytes, signal: AbortSignal | undefined): Promise<void> {
  const file = await open(path, "wx");
  try {
    await writeBody(file, body, signal);
    signal?.throwIfAborted();
    const stamp = nextStamp();
    await file.utimes(stamp, stamp);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A small file costs less to write at once than to hand to another thread; what takes its time is the disk. */
async function writeTogether(files: readonly (readonly [path: string, body: Uint8Array])[]): Promise<StagedFile[]> {
  const open: { readonly path: string; readonly handle: number }[] = [];
  try {
    for (const [path, body] of files) {
      const handle = openSync(path, "wx");
      open.push({ path, handle });
      writeFileSync(handle, body);
      const stamp = nextStamp();
      futimesSync(handle, stamp, stamp);
    }
    await Promise.all(open.map(({ handle }) => sync(handle)));
    return open.map(({ path, handle }) => ({ path, stats: fstatSync(handle, { bigint: true }) }));
  } catch (error) {
    for (const { path } of open) unlinkSync(path);
    throw error;
  } finally {
    for (const { handle } of open) closeSync(handle);
  }
}

const sync = promisify(fsync);

/** A writer on this machine that no longer runs, or any writer a day ago, will not come back for its file. */
async function isAbandoned(name: string, path: string): Promise<boolean> {
  const [pid, host] = name.split("@");
  if (host === hostname() && !isRunning(Number(pid))) return true;
  try {
    return Date.now() - (await stat(path)).mtimeMs > dayMilliseconds;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

let lastStamp = 0;

/**
 * A modification time that this process never gives twice, in seconds. The kernel's own ticks every few milliseconds,
 * and an inode number is used again soon: two versions of one object could look the same. Steps of two microseconds
 * survive the rounding of a double.
 */
function nextStamp(): number {
  const now = Math.floor((performance.timeOrigin + performance.now()) * 1000);
  lastStamp = Math.max(now, lastStamp + 2);
  return (lastStamp + 0.5) / 1e6;
}
