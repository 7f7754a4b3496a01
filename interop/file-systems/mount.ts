import { spawnSync } from "node:child_process";
import { mkdtempSync, rmdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A file system of its own, for as long as a test takes. */
export interface Mounted extends Disposable {
  readonly folder: string;
}

/** A file system that could not be mounted: not on Linux, not as the superuser, or a program is missing. */
export interface Unmountable {
  readonly reason: string;
}

/** A file system in memory that holds no more than so many bytes. */
export function mountSmall(bytes: number): Mounted | Unmountable {
  return mounted((folder) => ["mount", "-t", "tmpfs", "-o", `size=${bytes}`, "none", folder]);
}

/**
 * NTFS by ntfs-3g, with `ignore_case`: one that folds letter case, and gives every name back in small letters. The
 * Debian package is ntfs-3g.
 */
export function mountFolding(): Mounted | Unmountable {
  const image = join(mkdtempSync(join(tmpdir(), "ashlar-ntfs-")), "image");
  const clear = (): void => rmSync(join(image, ".."), { recursive: true, force: true });
  writeFileSync(image, "");
  truncateSync(image, 64 * 1024 * 1024);
  const problem = run(["mkntfs", "-q", "-F", "-f", image]);
  const made =
    problem === undefined
      ? mounted((folder) => ["lowntfs-3g", "-o", "ignore_case", image, folder], clear)
      : { reason: problem };
  if ("reason" in made) clear();
  return made;
}

function mounted(command: (folder: string) => readonly string[], after = (): void => undefined): Mounted | Unmountable {
  const folder = mkdtempSync(join(tmpdir(), "ashlar-mount-"));
  const reason = run(command(folder));
  if (reason !== undefined) {
    rmdirSync(folder);
    return { reason };
  }
  return {
    folder,
    [Symbol.dispose]() {
      run(["umount", "--lazy", folder]);
      rmdirSync(folder);
      after();
    },
  };
}

/** Why a command failed; undefined when it did not. */
function run([program = "", ...args]: readonly string[]): string | undefined {
  const { error, status, stderr } = spawnSync(program, args, { encoding: "utf8", timeout: 30_000 });
  if (error !== undefined) return error.message;
  return status === 0 ? undefined : `${program}: ${stderr.trim()}`;
}
