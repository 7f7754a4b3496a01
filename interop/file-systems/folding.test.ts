import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileSystem, type FileSystemStore } from "@ashlar/storage/file-system";
import { hyparquet } from "@ashlar/storage/hyparquet";
import { batchFrom, openLake } from "@ashlar/storage/lake";
import { afterAll, describe, expect, it } from "vitest";
import { mountFolding } from "./mount.ts";

const mounted = mountFolding();
const skipped = "reason" in mounted ? mounted.reason : undefined;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe.skipIf("reason" in mounted)(`NTFS that folds letter case (${skipped ?? "mounted"})`, () => {
  let roots = 0;
  const folder = (): string => join("folder" in mounted ? mounted.folder : "", `root-${++roots}`);
  afterAll(() => {
    if ("folder" in mounted) mounted[Symbol.dispose]();
  });

  const textOf = async (store: FileSystemStore, key: string): Promise<string> =>
    new TextDecoder().decode(await (await store.get(key)).bytes());
  const conflict = { code: "OBJECT_KEY_CONFLICT", status: 409 };

  it("gives no object under the name of another, and overwrites none", async () => {
    const root = folder();
    await using store = fileSystem({ root });
    await store.put("t/a", bytes("small"));
    expect(await readdir(join(root, "T"))).toEqual(["a"]);
    for (const key of ["t/A", "T/a", "T/b"]) {
      await expect(store.put(key, bytes("large"))).rejects.toMatchObject(conflict);
      await expect(store.put(key, bytes("large"), { ifAbsent: true })).rejects.toMatchObject(conflict);
      await expect(store.get(key)).rejects.toMatchObject({ code: "OBJECT_NOT_FOUND" });
      expect(await store.head(key)).toBeUndefined();
      await store.delete(key);
    }
    expect(await textOf(store, "t/a")).toBe("small");
    for await (const { key } of store.list("T/")) expect(key).toBe("none");
    const keys: string[] = [];
    for await (const { key } of fileSystem({ root }).list("")) keys.push(key);
    expect(keys).toEqual(["t/a"]);
  });

  it("is refused a name that it would give back otherwise", async () => {
    await using store = fileSystem({ root: folder() });
    await expect(store.put("new/Abc", bytes("1"))).rejects.toMatchObject({
      ...conflict,
      message: expect.stringContaining('back as "abc"') as string,
    });
    await expect(store.put("\u00c9", bytes("1"))).rejects.toMatchObject(conflict);
    await store.put("\u00e9", bytes("1"));
    await store.put("e\u0301", bytes("2"));
    expect(await textOf(store, "\u00e9")).toBe("1");
  });

  it("lets one of fifty writers make a key, and one of twenty replace it", async () => {
    await using store = fileSystem({ root: folder() });
    const made = await Promise.allSettled(
      Array.from({ length: 50 }, (_, n) => store.put("k", bytes(String(n)), { ifAbsent: true })),
    );
    expect(made.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    const etag = (await store.head("k"))?.etag ?? "";
    const replaced = await Promise.allSettled(
      Array.from({ length: 20 }, (_, n) => store.put("k", bytes(String(n)), { ifMatch: etag })),
    );
    expect(replaced.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });

  it("holds a table, and refuses a partition that it would mix up with another", async () => {
    await using objects = fileSystem({ root: folder() });
    const lake = openLake({ objects, codec: hyparquet() });
    const table = await lake.table("t", { partitionBy: ["part"] });
    const rows = (part: string): ReturnType<typeof batchFrom> =>
      batchFrom({ part: ["string", [part]], n: ["long", [1n]] });
    for (let n = 0; n < 12; n++) await table.append(rows("a"));
    await table.optimize();
    await table.checkpoint();
    await expect(table.append(rows("A"))).rejects.toMatchObject(conflict);
    expect(await table.snapshot()).toMatchObject({ rows: 12, version: 12 });
  });
});
