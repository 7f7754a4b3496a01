import { execFile } from "node:child_process";
import { chmod, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { namedFileError } from "./file-errors.ts";
import { fileSystem } from "./file-system.ts";

let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "ashlar-limits-"));
});
afterEach(async () => {
  await chmod(root, 0o755);
  await rm(root, { recursive: true, force: true });
});

const where = { root: "r", operation: "put", key: "k" };
const nobody = 65_534;

/** Runs as a user who may not do everything, as the superuser may. */
async function asNobody(work: () => Promise<void>): Promise<void> {
  const isSuperuser = process.getuid?.() === 0;
  if (isSuperuser) process.seteuid?.(nobody);
  try {
    await work();
  } finally {
    if (isSuperuser) process.seteuid?.(0);
  }
}

describe.skipIf(process.platform === "win32")("a file system that refuses", () => {
  it("for want of room is named, and keeps what was there", async () => {
    const store = fileSystem({ root });
    await store.put("k", new Uint8Array(1000).fill(1));
    const script = fileURLToPath(new URL("../../test/put-once.ts", import.meta.url));
    const put = async (bytes: number): Promise<string> => {
      const command = 'ulimit -f 128; trap "" XFSZ; exec "$0" "$@"';
      const node = [process.execPath, ...process.execArgv, script, root, String(bytes)];
      return (await promisify(execFile)("sh", ["-c", command, ...node])).stdout.trim();
    };
    expect(await put(2_000_000)).toBe("STORAGE_FULL");
    expect(await (await store.get("k")).bytes()).toEqual(new Uint8Array(1000).fill(1));
    expect(await readdir(join(root, ".ashlar", "staging"))).toEqual([]);
    expect(await put(2_000)).toBe("done");
    expect((await store.head("k"))?.size).toBe(2_000);
  });

  it.runIf(process.platform === "linux")("because the disk is full is named", async () => {
    const full = await writeFile("/dev/full", "x").catch((error: unknown) => error);
    expect(namedFileError(full, where)).toMatchObject({ code: "STORAGE_FULL", status: 507, cause: full });
    const other = new Error("the sender went away");
    expect(namedFileError(other, where)).toBe(other);
    expect(namedFileError("odd", where)).toBe("odd");
  });

  it("for want of a permission is named, and changes nothing", async () => {
    const store = fileSystem({ root });
    await store.put("a/k", new Uint8Array(10));
    await chmod(root, 0o555);
    await chmod(join(root, "a"), 0o555);
    await chmod(join(root, "a/k"), 0o000);
    await chmod(join(root, ".ashlar"), 0o555);
    await chmod(join(root, ".ashlar/staging"), 0o555);
    await chmod(join(root, ".ashlar/lock"), 0o444);
    const denied = { code: "STORAGE_DENIED", details: { root, key: "a/k" } };
    await asNobody(async () => {
      const other = fileSystem({ root });
      await expect(other.put("a/k", new Uint8Array(20))).rejects.toMatchObject(denied);
      await expect(other.get("a/k")).rejects.toMatchObject(denied);
      await expect(other.delete("a/k")).rejects.toMatchObject(denied);
    });
    expect((await store.head("a/k"))?.size).toBe(10);
    for (const folder of ["a", ".ashlar", ".ashlar/staging"]) await chmod(join(root, folder), 0o755);
  });

  it.runIf(process.platform === "linux")("nobody's handles stay open when streams are cancelled or fail", async () => {
    const store = fileSystem({ root });
    await store.put("k", new Uint8Array(2_000_000));
    const before = (await readdir("/proc/self/fd")).length;
    for (let n = 0; n < 30; n++) {
      const reader = (await store.get("k")).stream().getReader();
      await reader.read();
      await reader.cancel();
      await expect(store.get("k", { range: { start: 5_000_000 } })).rejects.toMatchObject({ status: 416 });
    }
    expect((await readdir("/proc/self/fd")).length).toBeLessThan(before + 5);
  });

  it.runIf(process.platform === "linux")(
    "no handle of a large file that is replaced or deleted stays open",
    async () => {
      const store = fileSystem({ root });
      const large = new Uint8Array(5 * 1024 * 1024);
      await store.put("k", large);
      const before = (await readdir("/proc/self/fd")).length;
      for (let n = 0; n < 8; n++) await store.put("k", large.fill(n));
      expect(Buffer.compare(await (await store.get("k")).bytes(), large)).toBe(0);
      await store.delete("k");
      expect(await store.head("k")).toBeUndefined();
      expect((await readdir("/proc/self/fd")).length).toBeLessThan(before + 5);
    },
  );
});
