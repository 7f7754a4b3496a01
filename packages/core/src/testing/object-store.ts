import { describe, expect, it } from "vitest";
import type { ObjectStore, ObjectStoreCapabilities } from "../object-store.ts";
import { bytes, facts, text } from "./object-store-bodies.ts";
import { conditions, ranges } from "./object-store-conditions.ts";
import { keys, listing } from "./object-store-keys.ts";
import { transfers } from "./object-store-transfers.ts";

export interface ObjectStoreSuite {
  /** A new, empty store for each test. */
  readonly create: () => ObjectStore | Promise<ObjectStore>;
  /** What the store claims; the suite holds it to that. */
  readonly capabilities: ObjectStoreCapabilities;
  /** Bytes of the large stream. Give more than two parts of a store that uploads in parts. @default 64 MiB */
  readonly streamBytes?: number;
  /** Keys of the long listing. Give more than two pages of a store that lists in pages. @default 1_100 */
  readonly manyKeys?: number;
}

/** The contract of `ObjectStore`. Run it for every implementation. */
export function describeObjectStore(name: string, suite: ObjectStoreSuite): void {
  describe(`${name}: object store`, () => {
    it("declares the capabilities it was tested for", async () => {
      expect((await suite.create()).capabilities).toEqual(suite.capabilities);
    });
    describe("objects", () => contents(suite));
    describe("transfers", () => transfers(suite));
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
    expect(Math.abs(info.lastModified - Date.now())).toBeLessThan(3_600_000);
    const object = await store.get("a/b.txt");
    expect(facts(object.info)).toEqual(facts(info));
    expect(text(await object.bytes())).toBe("hello");
    expect(await store.head("a/b.txt")).toEqual(object.info);
  });

  it("keeps an empty object, given as bytes or as a stream", async () => {
    const store = await create();
    expect((await store.put("empty", new Uint8Array())).size).toBe(0);
    expect((await store.put("none", new Blob([]).stream())).size).toBe(0);
    for (const key of ["empty", "none"]) expect((await (await store.get(key)).bytes()).byteLength).toBe(0);
  });

  it("keeps its own copy of the bytes it was given", async () => {
    const store = await create();
    const given = bytes("hello");
    const view = new Uint8Array([...bytes("<<"), ...given, ...bytes(">>")]).subarray(2, 7);
    await store.put("k", view);
    view.fill(0);
    expect(text(await (await store.get("k")).bytes())).toBe("hello");
  });

  it("replaces an object whole and changes its etag", async () => {
    const store = await create();
    const first = await store.put("k", bytes("a long first value"));
    const second = await store.put("k", bytes("short"));
    expect(second.etag).not.toBe(first.etag);
    expect(text(await (await store.get("k")).bytes())).toBe("short");
  });

  it("names a missing object, and forgets a deleted one", async () => {
    const store = await create();
    await expect(store.get("none")).rejects.toMatchObject({ code: "OBJECT_NOT_FOUND", details: { key: "none" } });
    expect(await store.head("none")).toBeUndefined();
    await store.delete("none");
    await store.put("k", bytes("x"));
    await store.delete("k");
    expect(await store.head("k")).toBeUndefined();
    await expect(store.get("k")).rejects.toMatchObject({ code: "OBJECT_NOT_FOUND" });
  });

  it("does nothing under an aborted signal", async () => {
    const store = await create();
    const signal = AbortSignal.abort(new Error("no longer wanted"));
    await expect(store.put("k", bytes("x"), { signal })).rejects.toThrow("no longer wanted");
    expect(await store.head("k")).toBeUndefined();
    await store.put("k", bytes("x"));
    await expect(store.get("k", { signal })).rejects.toThrow("no longer wanted");
    await expect(store.head("k", { signal })).rejects.toThrow("no longer wanted");
    await expect(store.delete("k", { signal })).rejects.toThrow("no longer wanted");
    expect(await store.head("k")).toBeDefined();
  });
}
