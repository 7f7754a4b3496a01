import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { toBytes } from "@ashlar/core";
import { createArtifactStore } from "@ashlar/storage/artifact";
import { fileSystem } from "@ashlar/storage/file-system";
import { hyparquet } from "@ashlar/storage/hyparquet";
import { openLake } from "@ashlar/storage/lake";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

let root = "";
const children: ChildProcess[] = [];
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "ashlar-crash-"));
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await rm(root, { recursive: true, force: true, maxRetries: 5 });
});

const start = (script: string, ...args: readonly string[]): ChildProcess => {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const child = fork(path, [root, ...args], { execArgv: process.execArgv, stdio: "inherit" });
  children.push(child);
  return child;
};

describe("a killed writer", () => {
  it("never leaves a torn object, and what it left aside is swept", async () => {
    const reader = fileSystem({ root });
    let versions = 0;
    for (let kill = 0; kill < 15; kill++) {
      const child = start("./put-loop.ts");
      const exit = once(child, "exit");
      await once(child, "message");
      await sleep(Math.random() * 150);
      versions += await assertWhole(reader);
      child.kill("SIGKILL");
      await exit;
      versions += await assertWhole(reader);
    }
    expect(versions).toBeGreaterThan(0);
    await fileSystem({ root }).put("last", new Uint8Array(1));
    expect(await readdir(join(root, ".ashlar", "staging"))).toEqual([]);
  }, 60_000);

  it("keeps every blob it acknowledged, and returns none that is half", async () => {
    const objects = fileSystem({ root });
    const acknowledged = new Map<string, number>();
    for (let kill = 0; kill < 8; kill++) {
      const child = start("./blob-loop.ts", String(kill));
      child.on("message", ({ digest, size }: { digest: string; size: number }) => acknowledged.set(digest, size));
      const closed = once(child, "close");
      await once(child, "message");
      await sleep(Math.random() * 150);
      child.kill("SIGKILL");
      await closed;
    }
    const store = createArtifactStore({ objects });
    const found = new Set<string>();
    for await (const { key } of objects.list("blobs/")) found.add(`sha256:${key.split("/").at(-1)}`);
    for (const digest of new Set([...acknowledged.keys(), ...found])) {
      const bytes = await toBytes(await store.getBlob(digest));
      expect(bytes.byteLength).toBe(acknowledged.get(digest) ?? bytes.byteLength);
    }
    expect(acknowledged.size).toBeGreaterThanOrEqual(8);
  }, 60_000);

  it("loses no commit and doubles none: an append that is tried again is done once", async () => {
    let acknowledged = 0;
    for (let kill = 0; kill < 4; kill++) {
      const child = start("./append-loop.ts", "w", "1000");
      child.on("message", (n: number) => (acknowledged = Math.max(acknowledged, n)));
      const closed = once(child, "close");
      await once(child, "message");
      await sleep(Math.random() * 300);
      child.kill("SIGKILL");
      await closed;
    }
    const rows = await rowsByWriter();
    const numbers = rows.get("w") ?? [];
    expect(numbers.length).toBeGreaterThanOrEqual(acknowledged);
    expect(acknowledged).toBeGreaterThan(0);
    expect(numbers).toEqual(numbers.map((_, index) => BigInt(index + 1)));
  }, 60_000);
});

it("two processes append two hundred commits each, and nothing is lost", async () => {
  const exits = ["a", "b"].map((writer) => once(start("./append-loop.ts", writer, "200"), "exit"));
  expect(await Promise.all(exits)).toEqual([
    [0, null],
    [0, null],
  ]);
  const rows = await rowsByWriter();
  for (const writer of ["a", "b"]) {
    expect(rows.get(writer)).toEqual(Array.from({ length: 200 }, (_, index) => BigInt(index + 1)));
  }
  const table = await openLake({ objects: fileSystem({ root }), codec: hyparquet() }).table("t");
  expect((await table.snapshot()).version).toBe(399);
}, 60_000);

async function assertWhole(store: ReturnType<typeof fileSystem>): Promise<number> {
  let objects = 0;
  for await (const { key } of store.list("")) {
    const opened = await store.get(key);
    const bytes = await opened.bytes();
    const value = bytes[0] ?? -1;
    expect(bytes.byteLength).toBe(10_000 + value * 1000);
    expect(bytes.every((byte) => byte === value)).toBe(true);
    objects += 1;
    if (objects > 200) break;
  }
  return objects;
}

async function rowsByWriter(): Promise<Map<string, bigint[]>> {
  const table = await openLake({ objects: fileSystem({ root }), codec: hyparquet() }).table("t");
  const rows = new Map<string, bigint[]>();
  for await (const batch of table.scan()) {
    for (const row of batch) {
      const { writer, n } = row.toJSON() as { readonly writer: string; readonly n: bigint };
      rows.set(
        writer,
        [...(rows.get(writer) ?? []), n].sort((a, b) => (a < b ? -1 : 1)),
      );
    }
  }
  return rows;
}
