import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeObjectStore } from "@ashlar/core/testing";
import { afterAll, describe, expect, it } from "vitest";
import { fileSystem } from "./file-system.ts";

const folders: string[] = [];
const folder = async (): Promise<string> => {
  const made = await mkdtemp(join(tmpdir(), "ashlar-objects-"));
  folders.push(made);
  return made;
};
const create = async (): Promise<ReturnType<typeof fileSystem>> => fileSystem({ root: await folder() });
afterAll(() => Promise.all(folders.map((path) => rm(path, { recursive: true, force: true }))));

const keysOf = async (store: ReturnType<typeof fileSystem>): Promise<string[]> => {
  const keys: string[] = [];
  for await (const info of store.list("")) keys.push(info.key);
  return keys;
};

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describeObjectStore("file system", { create, capabilities: { conditionalPut: true, rangeRead: true } });

describe("keys as paths", () => {
  it.each([
    ["x".repeat(1000)],
    [`${"ü".repeat(300)}/a`],
    [".ashlar/lock"],
    [".ashlar"],
    ["a%+"],
    ["a%_"],
    [`${"y".repeat(239)}%+z`],
    [".tmp"],
  ])("keeps %j", async (key) => {
    const store = await create();
    await store.put(key, bytes(key));
    expect(new TextDecoder().decode(await (await store.get(key)).bytes())).toBe(key);
    expect(await keysOf(store)).toEqual([key]);
  });

  it("puts a table log exactly where its key says", async () => {
    const root = await folder();
    const store = fileSystem({ root });
    const key = "flights/_delta_log/00000000000000000000.json";
    expect(store.pathOf(key)).toBe(join(root, key));
    expect(store.pathOf("t/month=a%3Ab/x.parquet")).toBe(join(root, "t/month=a%3Ab/x.parquet"));
  });

  it("lists long segments among others in byte order", async () => {
    const store = await create();
    const long = "p".repeat(240);
    const keys = [long, `${long}!/z`, `${long}/a`, `${long.slice(1)}`, `${long}0`];
    for (const key of keys.filter((key) => key !== long)) await store.put(key, bytes(key));
    const listed = await keysOf(store);
    expect(listed).toEqual([`${long.slice(1)}`, `${long}!/z`, `${long}/a`, `${long}0`]);
  });

  it("refuses a key that is the folder of another, either way round", async () => {
    const store = await create();
    await store.put("a/b", bytes("1"));
    await expect(store.put("a", bytes("2"))).rejects.toMatchObject({ code: "OBJECT_KEY_CONFLICT" });
    await expect(store.put("a", bytes("2"), { ifAbsent: true })).rejects.toMatchObject({ code: "OBJECT_KEY_CONFLICT" });
    await expect(store.put("a/b/c", bytes("3"))).rejects.toMatchObject({ code: "OBJECT_KEY_CONFLICT" });
    await store.delete("a/b");
    await store.put("a", bytes("4"));
    expect((await store.head("a"))?.size).toBe(1);
  });
});

describe("writes", () => {
  it("gives every version its own etag, however fast and alike they are", async () => {
    const store = await create();
    const etags = new Set<string>();
    for (let i = 0; i < 100; i++) etags.add((await store.put("k", bytes(String(i % 10)))).etag);
    expect(etags.size).toBe(100);
  });

  it("reads to its end the version it opened", async () => {
    const store = await create();
    await store.put("k", new Uint8Array(1_000_000).fill(1));
    const opened = await store.get("k");
    await store.put("k", new Uint8Array(1_000_000).fill(2));
    expect((await opened.bytes()).every((byte) => byte === 1)).toBe(true);
  });

  it("lets one of many racing ifMatch writers win, and survives deletes between puts", async () => {
    const store = await create();
    const { etag } = await store.put("a/b/k", bytes("0"));
    const puts = Array.from({ length: 20 }, (_, i) => store.put("a/b/k", bytes(`${i}`), { ifMatch: etag }));
    const outcomes = await Promise.allSettled(puts);
    expect(outcomes.filter((outcome) => outcome.status === "fulfilled")).toHaveLength(1);
    const work = Array.from({ length: 40 }, (_, i) =>
      i % 2 ? store.put(`a/b/${i}`, bytes("x")) : store.delete(`a/b/${i + 1}`),
    );
    expect((await Promise.allSettled(work)).filter((outcome) => outcome.status === "rejected")).toEqual([]);
  });

  it("sweeps what a dead writer left, and leaves no file of its own", async () => {
    const root = await folder();
    const { mkdir, writeFile } = await import("node:fs/promises");
    const { hostname } = await import("node:os");
    const staging = join(root, ".ashlar", "staging");
    await mkdir(staging, { recursive: true });
    const dead = 4_194_304 + 7; // above the largest process id of Linux
    await writeFile(join(staging, `${dead}@${hostname()}@x`), "torn");
    await writeFile(join(staging, `${process.pid}@${hostname()}@y`), "in use");
    await fileSystem({ root }).put("k", bytes("1"));
    expect(await readdir(staging)).toEqual([`${process.pid}@${hostname()}@y`]);
  });
});

describe("objects that are put together", () => {
  it("are there, each as one that is put alone; one that was there stays as it is", async () => {
    const root = await folder();
    const store = fileSystem({ root });
    await store.put("a/1", bytes("old"));
    const objects = ["a/1", "a/2", "b/c/3", "a/2", "x".repeat(500)].map((key) => ({ key, body: bytes(`new ${key}`) }));
    const infos = await store.putAbsent(objects);
    expect(infos.map((info) => info?.key)).toEqual([undefined, "a/2", "b/c/3", undefined, "x".repeat(500)]);
    const put = infos.flatMap((info) => info ?? []);
    expect(await Promise.all(put.map(({ key }) => store.head(key)))).toEqual(put);
    expect(new TextDecoder().decode(await (await store.get("a/1")).bytes())).toBe("old");
    expect(new TextDecoder().decode(await (await store.get("a/2")).bytes())).toBe("new a/2");
    expect(await readdir(join(root, ".ashlar", "staging"))).toEqual([]);
  });

  it("leave nothing aside when one cannot be put", async () => {
    const root = await folder();
    const store = fileSystem({ root });
    await store.put("a/b", bytes("1"));
    for (const key of ["a", "a/b/c"]) {
      const objects = [
        { key: `ok ${key}`, body: bytes("2") },
        { key, body: bytes("3") },
      ];
      await expect(store.putAbsent(objects)).rejects.toMatchObject({ code: "OBJECT_KEY_CONFLICT" });
    }
    await expect(store.putAbsent([{ key: "../a", body: bytes("") }])).rejects.toMatchObject({ code: "INVALID_KEY" });
    expect(await readdir(join(root, ".ashlar", "staging"))).toEqual([]);
  });

  it("let one of many racing writers have each key, and survive deletes between", async () => {
    const store = await create();
    const keys = Array.from({ length: 30 }, (_, i) => `a/${i % 3}/${i}`);
    const put = (n: number) => store.putAbsent(keys.map((key) => ({ key, body: bytes(`${n}`) })));
    const wins = (await Promise.all(Array.from({ length: 8 }, (_, n) => put(n)))).flat().filter((info) => info);
    expect(wins).toHaveLength(keys.length);
    const deletes = keys.map((key) => store.delete(key));
    await Promise.all([...deletes, put(9)]);
    expect((await put(10)).length).toBe(keys.length);
    expect((await keysOf(store)).sort()).toEqual(keys.sort());
  });
});
