import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";

const prefix = "ashlar-duckdb-";

/** Containers may share a folder, but not their process numbers: each sweeps only what its own machine left. */
const machine = createHash("sha256").update(hostname()).digest("hex").slice(0, 8);

/** The folder for what a codec needs on disk for a while, named by its process: `ashlar-duckdb-<pid>-…`. */
export class Scratch implements AsyncDisposable {
  readonly path: string;

  constructor(parent: string = tmpdir()) {
    this.path = join(parent, `${prefix}${process.pid}-${machine}-${crypto.randomUUID()}`);
  }

  /** Makes a folder in it. */
  async folder(kind: string): Promise<string> {
    await mkdir(this.path, { recursive: true });
    return mkdtemp(join(this.path, `${kind}-`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}

/** Deletes the folders of processes that ended without doing so themselves. What cannot be deleted is left. */
export async function sweepScratch(parent: string = tmpdir()): Promise<void> {
  const names = await readdir(parent).catch(() => []);
  for (const name of names) {
    const match = /^ashlar-duckdb-(\d+)-([0-9a-f]{8})-/.exec(name);
    if (match === null || match[2] !== machine) continue;
    const path = join(parent, name);
    if (await isOrphan(Number(match[1]), path)) await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}

async function isOrphan(pid: number, path: string): Promise<boolean> {
  if (pid !== process.pid) return !isAlive(pid);
  // In a container every run has the same number: a folder older than this process is of an earlier one.
  const { birthtimeMs } = await stat(path).catch(() => ({ birthtimeMs: Infinity }));
  return birthtimeMs < Date.now() - process.uptime() * 1000 - 1000;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
