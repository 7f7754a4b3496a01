import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeKeyProvider } from "@ashlar/core/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { localKeyRing } from "./local.ts";

let folder: string;
let count = 0;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), "ashlar-keys-"))));
afterAll(() => rm(folder, { recursive: true }));
const newPath = (): string => join(folder, `ring-${count++}.json`);

describeKeyProvider("local key ring", { create: () => localKeyRing({ path: newPath(), create: true }) });

describe("local key ring", () => {
  it("wraps with the newest key and unwraps with any, also after another process rotated", async () => {
    const path = newPath();
    const ring = localKeyRing({ path, create: true });
    const other = localKeyRing({ path });
    const old = await ring.generateDataKey({});
    await other.keyIds();
    const added = await Promise.all([ring.rotate(), other.rotate(), ring.rotate()]);
    const fresh = await localKeyRing({ path }).generateDataKey({});
    expect(added).toContain(fresh.keyId);
    for (const key of [old, fresh])
      expect(await other.unwrapDataKey(key.wrapped, key.keyId, {})).toEqual(key.plaintext);
    expect(new Set(await localKeyRing({ path }).keyIds())).toEqual(new Set([old.keyId, ...added]));
  });

  it("is made once, readable by its owner only", async () => {
    const path = newPath();
    const rings = Array.from({ length: 5 }, () => localKeyRing({ path, create: true }));
    const ids = await Promise.all(rings.map(async (ring) => (await ring.keyIds()).join()));
    expect(new Set(ids).size).toBe(1);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it.each<[string, (path: string) => Promise<void>]>([
    ["is missing", async () => {}],
    ["others can read", async (path) => (await writeFile(path, "{}"), chmod(path, 0o644))],
    ["is no JSON", (path) => writeFile(path, "canary", { mode: 0o600 })],
    ["is of another version", (path) => writeFile(path, '{"version":2}', { mode: 0o600 })],
    ["has no keys", (path) => writeFile(path, '{"version":1,"keys":[]}', { mode: 0o600 })],
    ["has a short key", (path) => writeFile(path, '{"version":1,"keys":[{"id":"a","key":"AAAA"}]}', { mode: 0o600 })],
  ])("refuses a file that %s, and leaves it alone", async (_, prepare) => {
    const path = newPath();
    await prepare(path);
    const before = await readFile(path).catch(() => undefined);
    const error = (await localKeyRing({ path })
      .rotate()
      .catch((reason: unknown) => reason)) as Error;
    expect(error).toMatchObject({ code: "KEY_RING_UNUSABLE" });
    expect(error.message).not.toContain("canary");
    expect(await readFile(path).catch(() => undefined)).toEqual(before);
  });
});
