import { describe, expect, it } from "vitest";
import { toBytes } from "../bytes.ts";
import type { ObjectStore, ObjectStoreCapabilities } from "../object-store.ts";

export interface ObjectStoreSuite {
  /** A new, empty store for each test. */
  readonly create: () => ObjectStore | Promise<ObjectStore>;
  /** What the store claims; the suite holds it to that. */
  readonly capabilities: ObjectStoreCapabilities;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (content: Uint8Array): string => new TextDecoder().decode(content);

/** The contract of `ObjectStore`. Run it for every implementation. */
export function describeObjectStore(name: string, suite: ObjectStoreSuite): void {
  describe(`${name}: object store`, () => {
    it("declares the capabilities it was tested for", async () => {
      expect((await suite.create()).capabilities).toEqual(suite.capabilities);
    });
    describe("objects", () => contents(suite));
    describe("keys", () => keys(suite));
    describe("listing", () => listing(suite));
    describe.runIf(suite.capabilities.rangeRead)("ranges", () => ranges(suite));
    describe.runIf(suite.capabilities.conditionalPut)("conditions", () => conditions(suite));
  });
}

function contents({ create }: ObjectStoreSuite): void {
  it("reads back what was put", async () => {
    const store = await create();
    const info = await store.put("a/b.txt", bytes("hello"));
    expect(info).toMatchObject({ key: "a/b.txt", size: 5 });
    const object = await store.get("a/b.txt");
    expect(object.info).toEqual(info);
    expect(text(await object.bytes())).toBe("hello");
    expect(await store.head("a/b.txt")).toEqual(info);
  });

  it("takes and gives streams", async () => {
    const store = await create();
    const chunk = new Uint8Array(64 * 1024).fill(7);
    let sent = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (sent++ < 64) controller.enqueue(chunk);
        else controller.close();
      },
    });
    expect((await store.put("big", body)).size).toBe(64 * chunk.byteLength);
    const back = await toBytes((await store.get("big")).stream());
    expect(back.byteLength).toBe(64 * chunk.byteLength);
    expect(back.every((byte) => byte === 7)).toBe(true);
  });

  it("keeps an empty object", async () => {
    const store = await create();
    expect((await store.put("empty", new Uint8Array())).size).toBe(0);
    expect((await (await store.get("empty")).bytes()).byteLength).toBe(0);
  });

  it("replaces an object whole and changes its etag", async () => {
    const store = await create();
    const first = await store.put("k", bytes("a long first value"));
    const second = await store.put("k", bytes("short"));
    expect(second.etag).not.toBe(first.etag);
    expect(text(await (await store.get("k")).bytes())).toBe("short");
  });

  it("leaves the old object when a body fails half-way", async () => {
    const store = await create();
    await store.put("k", bytes("old"));
    let pulled = false;
    const broken = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (pulled) return controller.error(new Error("the sender went away"));
        pulled = true;
        controller.enqueue(bytes("new"));
      },
    });
    await expect(store.put("k", broken)).rejects.toThrow("the sender went away");
    expect(text(await (await store.get("k")).bytes())).toBe("old");
    expect(await gather(store, "")).toEqual(["k"]);
  });

  it("names a missing object, and forgets a deleted one", async () => {
    const store = await create();
    await expect(store.get("none")).rejects.toMatchObject({ code: "OBJECT_NOT_FOUND", details: { key: "none" } });
    expect(await store.head("none")).toBeUndefined();
    await store.delete("none");
    await store.put("k", bytes("x"));
    await store.delete("k");
    expect(await store.head("k")).toBeUndefined();
  });

  it("does nothing under an aborted signal", async () => {
    const store = await create();
    const signal = AbortSignal.abort(new Error("no longer wanted"));
    await expect(store.put("k", bytes("x"), { signal })).rejects.toThrow("no longer wanted");
    expect(await store.head("k")).toBeUndefined();
  });
}

function keys({ create }: ObjectStoreSuite): void {
  it.each(["", "/a", "a/", "a//b", ".", "..", "a/../b", "a/./b", "a\0b", "x".repeat(1025), "\ud800"])(
    "refuses the key %j",
    async (key) => {
      const store = await create();
      await expect(store.put(key, bytes("x"))).rejects.toMatchObject({ code: "INVALID_KEY" });
      await expect(store.get(key)).rejects.toMatchObject({ code: "INVALID_KEY" });
    },
  );

  it.each(["a b", "ä/ö/ü", "a%2Fb", "a\\b", "A", "😀/x", "a:b", "con", "-rf", "a'b\"c", "…", "~tmp", "a.tmp"])(
    "keeps the key %j as it is",
    async (key) => {
      const store = await create();
      await store.put(key, bytes(key));
      expect(text(await (await store.get(key)).bytes())).toBe(key);
      expect(await gather(store, "")).toEqual([key]);
    },
  );

  it("lets a key be the beginning of another", async () => {
    const store = await create();
    await store.put("a", bytes("1"));
    await store.put("ab", bytes("2"));
    expect(text(await (await store.get("a")).bytes())).toBe("1");
    expect(await gather(store, "a")).toEqual(["a", "ab"]);
  });
}

function listing({ create }: ObjectStoreSuite): void {
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

  it("gives the same facts as head", async () => {
    const store = await create();
    const info = await store.put("k", bytes("hello"));
    for await (const listed of store.list("")) expect(listed).toEqual(info);
  });
}

function ranges({ create }: ObjectStoreSuite): void {
  it.each([
    [{ start: 0, end: 3 }, "012"],
    [{ start: 7 }, "789"],
    [{ start: 4, end: 5 }, "4"],
    [{ start: 8, end: 400 }, "89"],
  ] as const)("reads the bytes of %j", async (range, expected) => {
    const store = await create();
    await store.put("k", bytes("0123456789"));
    expect(text(await (await store.get("k", { range })).bytes())).toBe(expected);
    expect(text(await toBytes((await store.get("k", { range })).stream()))).toBe(expected);
  });

  it("refuses a range that starts past the end", async () => {
    const store = await create();
    await store.put("k", bytes("0123456789"));
    await expect(store.get("k", { range: { start: 10 } })).rejects.toMatchObject({ code: "RANGE_NOT_SATISFIABLE" });
  });
}

function conditions({ create }: ObjectStoreSuite): void {
  it("writes ifAbsent once", async () => {
    const store = await create();
    await store.put("k", bytes("1"), { ifAbsent: true });
    const second = store.put("k", bytes("2"), { ifAbsent: true });
    await expect(second).rejects.toMatchObject({ code: "PRECONDITION_FAILED" });
    expect(text(await (await store.get("k")).bytes())).toBe("1");
  });

  it("writes ifMatch only over the etag that was read", async () => {
    const store = await create();
    const first = await store.put("k", bytes("1"));
    await store.put("k", bytes("2"), { ifMatch: first.etag });
    const stale = store.put("k", bytes("3"), { ifMatch: first.etag });
    await expect(stale).rejects.toMatchObject({ code: "PRECONDITION_FAILED" });
    const missing = store.put("none", bytes("3"), { ifMatch: first.etag });
    await expect(missing).rejects.toMatchObject({ code: "PRECONDITION_FAILED" });
    expect(text(await (await store.get("k")).bytes())).toBe("2");
  });

  it("lets one of fifty racing writers win", async () => {
    const store = await create();
    const writers = Array.from({ length: 50 }, (_, i) => store.put("k", bytes(`writer ${i}`), { ifAbsent: true }));
    const outcomes = await Promise.allSettled(writers);
    const winner = outcomes.findIndex((outcome) => outcome.status === "fulfilled");
    expect(outcomes.filter((outcome) => outcome.status === "fulfilled")).toHaveLength(1);
    expect(text(await (await store.get("k")).bytes())).toBe(`writer ${winner}`);
  });
}

async function gather(store: ObjectStore, prefix: string, startAfter?: string): Promise<string[]> {
  const found: string[] = [];
  for await (const info of store.list(prefix, startAfter === undefined ? {} : { startAfter })) found.push(info.key);
  return found;
}
