import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fileSystem } from "@ashlar/storage/file-system";
import { expect, it } from "vitest";

const script = fileURLToPath(new URL("./kill-put.ts", import.meta.url));
const maxCalls = 60;

/** Runs the child until its call; tells how it ended. */
async function run(root: string, what: string, call: number): Promise<{ acknowledged: boolean; killed: boolean }> {
  const child = fork(script, [root, what, String(call)], { execArgv: process.execArgv, stdio: "inherit" });
  let acknowledged = false;
  child.on("message", () => (acknowledged = true));
  const [, signal] = (await once(child, "close")) as [number | null, string | null];
  return { acknowledged, killed: signal === "SIGKILL" };
}

/** What stands under a key: 0 for nothing, and the byte of a version that is whole. */
async function versionOf(root: string, key: string, sizes: readonly number[]): Promise<number> {
  const store = fileSystem({ root });
  if ((await store.head(key)) === undefined) return 0;
  const bytes = await (await store.get(key)).bytes();
  const version = bytes[0] ?? -1;
  expect(bytes.byteLength).toBe(sizes[version]);
  expect(bytes.every((byte) => byte === version)).toBe(true);
  return version;
}

it.each([
  ["replace", "a/b/k", 1, 2],
  ["replaceLarge", "a/b/k", 1, 2],
  ["ifMatch", "a/b/k", 1, 2],
  ["ifAbsent", "a/b/new", 0, 2],
  ["together", "a/b/new", 0, 2],
  ["delete", "a/b/k", 1, 0],
] as const)(
  "a %s that is killed at any of its calls is done or not done, and never half",
  async (what, key, before, after) => {
    const seen = new Set<number>();
    const sizes = what === "replaceLarge" ? [0, 5 * 1024 * 1024, 24 * 1024 * 1024] : [0, 50_000, 200_000];
    let call = 1;
    for (; call <= maxCalls; call++) {
      const root = await mkdtemp(join(tmpdir(), "ashlar-kill-put-"));
      try {
        await fileSystem({ root }).put("a/b/k", new Uint8Array(sizes[1] ?? 0).fill(1));
        const { acknowledged, killed } = await run(root, what, call);
        const version = await versionOf(root, key, sizes);
        expect([before, after]).toContain(version);
        // What was acknowledged is there.
        expect(acknowledged && version !== after).toBe(false);
        seen.add(version);
        await fileSystem({ root }).put("next", new Uint8Array(1));
        expect(await readdir(join(root, ".ashlar", "staging"))).toEqual([]);
        if (!killed) break;
      } finally {
        await rm(root, { recursive: true, force: true, maxRetries: 5 });
      }
    }
    expect(call).toBeGreaterThan(4);
    expect(call).toBeLessThan(maxCalls);
    expect(seen).toEqual(new Set([before, after]));
  },
  120_000,
);
