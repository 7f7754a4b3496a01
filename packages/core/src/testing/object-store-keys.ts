import { expect, it } from "vitest";
import { isAshlarError } from "../errors.ts";
import type { ObjectStore } from "../object-store.ts";
import { bytes, facts, gather, text } from "./object-store-bodies.ts";
import type { ObjectStoreSuite } from "./object-store.ts";

const refused = ["", "/a", "a/", "a//b", ".", "..", "a/../b", "../../etc/passwd", "a/./b", "a\0b", "\ud800"];
const kept = ["a b", "a+b", "ä/ö/ü", "a%2Fb", "%00", "A", "😀/x", "a:b", "con", "-rf", "a'b\"c", "…", "~tmp"];
const odd = ["a.tmp", "a?b#c", "a&b<c>", "*", "a=b,c;d", "\u{feff}a", "tab\there", "..x", "x..", "{}|^`"];
/** One segment of 1,024 bytes, and segments of up to 255: the most a key may have. */
const long = ["x".repeat(1024), `${"ü".repeat(127)}/`.repeat(4).slice(0, -1), `${"s".repeat(255)}/`.repeat(3) + "t"];
/** Each pair is one name to somebody: to a decoder, a normaliser, a file system that folds case, a folder tree. */
const pairs = [
  ["a/b", "a%2Fb"],
  ["a/b", "a\\b"],
  ["caf\u{e9}", "cafe\u{301}"],
  ["a", "A"],
  ["stra\u{df}e", "strasse"],
  ["a", "a/b"],
  ["x", "x "],
  ["a\u{212b}", "a\u{c5}"],
] as const;

export function keys({ create }: ObjectStoreSuite): void {
  it.each([...refused, "x".repeat(1025)])("refuses the key %j", async (key) => {
    const store = await create();
    const refusal = { code: "INVALID_KEY" };
    await expect(store.put(key, bytes("x"))).rejects.toMatchObject(refusal);
    await expect(store.get(key)).rejects.toMatchObject(refusal);
    await expect(store.head(key)).rejects.toMatchObject(refusal);
    await expect(store.delete(key)).rejects.toMatchObject(refusal);
  });

  it("keeps every odd key as it is", async () => {
    const store = await create();
    const all = [...kept, ...odd, ...long];
    for (const key of all) await store.put(key, bytes(key));
    for (const key of all) expect(text(await (await store.get(key)).bytes())).toBe(key);
    expect(new Set(await gather(store, ""))).toEqual(new Set(all));
    for (const key of all) await store.delete(key);
    expect(await gather(store, "")).toEqual([]);
  });

  it.each(pairs)("keeps %j and %j apart, or refuses the second by name", async (first, second) => {
    const store = await create();
    await store.put(first, bytes("first"));
    const refusal = await store.put(second, bytes("second")).then(
      () => undefined,
      (error: unknown) => error,
    );
    const isKept = refusal === undefined;
    expect(isKept || isAshlarError(refusal, "OBJECT_KEY_CONFLICT")).toBe(true);
    expect(new Set(await gather(store, ""))).toEqual(new Set(isKept ? [first, second] : [first]));
    expect((await store.head(second))?.size).toBe(isKept ? bytes("second").byteLength : undefined);
    expect(text(await (await store.get(first)).bytes())).toBe("first");
  });

  it("lets a key be the beginning of another", async () => {
    const store = await create();
    await store.put("a", bytes("1"));
    await store.put("ab", bytes("2"));
    expect(text(await (await store.get("a")).bytes())).toBe("1");
    expect(await gather(store, "a")).toEqual(["a", "ab"]);
  });
}

export function listing({ create, manyKeys = 1_100 }: ObjectStoreSuite): void {
  it("lists a prefix in byte order, and goes on after a key", async () => {
    const store = await create();
    const all = ["a/1", "a/10", "a/2", "a/b/c", "b", "a/\u{ff5e}", "a/\u{1f600}"];
    for (const key of all) await store.put(key, bytes(key));
    const expected = ["a/1", "a/10", "a/2", "a/b/c", "a/\u{ff5e}", "a/\u{1f600}"];
    expect(await gather(store, "a/")).toEqual(expected);
    expect(await gather(store, "a/1")).toEqual(["a/1", "a/10"]);
    expect(await gather(store, "a/", "a/10")).toEqual(expected.slice(2));
    expect(await gather(store, "none/")).toEqual([]);
  });

  it("goes on after a key that is not there, before the prefix, and past it", async () => {
    const store = await create();
    for (const key of ["a/1", "a/3", "a/b/c", "b/1"]) await store.put(key, bytes(key));
    expect(await gather(store, "a/", "a/2")).toEqual(["a/3", "a/b/c"]);
    expect(await gather(store, "a/", "a/b")).toEqual(["a/b/c"]);
    expect(await gather(store, "a/", "a/b/d")).toEqual([]);
    expect(await gather(store, "b/", "a/9")).toEqual(["b/1"]);
    expect(await gather(store, "a/", "c")).toEqual([]);
  });

  it.each(["..", "../", "/", "a//", "a/../", "./", "\0"])("finds nothing under the prefix %j", async (prefix) => {
    const store = await create();
    await store.put("a/b", bytes("x"));
    expect(await gather(store, prefix)).toEqual([]);
  });

  it("gives the same facts as head", async () => {
    const store = await create();
    const info = await store.put("k", bytes("hello"));
    for await (const listed of store.list("")) expect(facts(listed)).toEqual(facts(info));
  });

  it(`lists ${manyKeys} keys, page after page, each once and in order`, async () => {
    const store = await create();
    const all = Array.from({ length: manyKeys }, (_, n) => `many/${String(n).padStart(6, "0")}`);
    await inParallel(all, 16, (key) => store.put(key, bytes("x")));
    await store.put("other", bytes("x"));
    expect(await gather(store, "many/")).toEqual(all);
    const middle = all[manyKeys >> 1] ?? "";
    expect(await gather(store, "many/", `${middle}!`)).toEqual(all.slice((manyKeys >> 1) + 1));
    expect(await firstOf(store, "many/")).toBe(all[0]);
  });

  it("stops listing when the signal aborts", async () => {
    const store = await create();
    for (const key of ["a", "b", "c"]) await store.put(key, bytes(key));
    const stop = new AbortController();
    const walk = async (): Promise<void> => {
      for await (const _ of store.list("", { signal: stop.signal })) stop.abort(new Error("no longer wanted"));
    };
    await expect(walk()).rejects.toThrow("no longer wanted");
  });
}

async function firstOf(store: ObjectStore, prefix: string): Promise<string | undefined> {
  for await (const { key } of store.list(prefix)) return key;
  return undefined;
}

async function inParallel<Item>(
  items: readonly Item[],
  width: number,
  work: (item: Item) => Promise<unknown>,
): Promise<void> {
  const queue = items.values();
  const lane = async (): Promise<void> => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: width }, lane));
}
