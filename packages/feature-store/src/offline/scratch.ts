import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const prefix = "ashlar-duckdb-";

/** A folder for one session to spill into. Folders of processes that were killed before they could tidy up go first. */
export async function scratchFolder(parent: string = tmpdir()): Promise<string> {
  await sweep(parent);
  return mkdtemp(join(parent, `${prefix}${process.pid}-`));
}

async function sweep(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const owner = /^ashlar-duckdb-(\d+)-/.exec(name)?.[1];
    // A folder that cannot be removed belongs to another user, whose processes sweep it.
    if (owner !== undefined && isGone(Number(owner)))
      await rm(join(parent, name), { recursive: true }).catch(() => undefined);
  }
}

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
