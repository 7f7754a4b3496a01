import { type GetOptions, type ObjectStore, toBytes } from "@ashlar/core";
import { memoryObjectStore } from "@ashlar/core/memory";
import { describeObjectStore } from "@ashlar/core/testing";
import { describe, expect, it } from "vitest";
import { cached } from "./cached.ts";

const kibibyte = 1024;
const blockBytes = 16 * kibibyte;
const pattern = (size: number, seed = 0): Uint8Array =>
  Uint8Array.from({ length: size }, (_, n) => (n * 31 + (n >> 10) + seed) & 0xff);

/** Counts what is asked of a store; may be broken. */
function counting(objects: ObjectStore): ObjectStore & { gets: number; heads: number; isBroken: boolean } {
  const check = (): void => {
    if (counted.isBroken) throw new Error("the disk is gone");
  };
  const counted = {
    ...objects,
    gets: 0,
    heads: 0,
    isBroken: false,
    async get(key: string, options?: GetOptions) {
      check();
      counted.gets += 1;
      return objects.get(key, options);
    },
    async head(...parameters: Parameters<ObjectStore["head"]>) {
      check();
      counted.heads += 1;
      return objects.head(...parameters);
    },
    async put(...parameters: Parameters<ObjectStore["put"]>) {
      check();
      return objects.put(...parameters);
    },
    async delete(...parameters: Parameters<ObjectStore["delete"]>) {
      check();
      return objects.delete(...parameters);
    },
    async *list(...parameters: Parameters<ObjectStore["list"]>) {
      check();
      yield* objects.list(...parameters);
    },
  };
  return counted;
}

const make = (options: Partial<Parameters<typeof cached>[1]> = {}) => {
  const origin = counting(memoryObjectStore());
  const cache = counting(memoryObjectStore());
  return { origin, cache, store: cached(origin, { cache, blockBytes, ...options }) };
};
const read = async (store: ObjectStore, key: string, options?: GetOptions): Promise<Uint8Array> =>
  (await store.get(key, options)).bytes();

describeObjectStore("cached", {
  create: () => make({ blockBytes: 256 * kibibyte, maxBytes: 3 * 2 ** 20 }).store,
  capabilities: { conditionalPut: true, rangeRead: true },
});

describe("blocks", () => {
  it("are fetched once, and ranges come from them", async () => {
    const { origin, cache, store } = make();
    const content = pattern(100 * kibibyte);
    await store.put("k", content);
    expect(await read(store, "k", { range: { start: 20_000, end: 40_000 } })).toEqual(content.slice(20_000, 40_000));
    expect(origin.gets).toBe(2);
    expect(await read(store, "k")).toEqual(content);
    expect(origin.gets).toBe(7);
    await store[Symbol.asyncDispose]();
    expect(await toBytes((await store.get("k")).stream())).toEqual(content);
    expect(origin.gets).toBe(7);
    expect(cache.gets).toBeGreaterThan(0);
    const restarted = cached(origin, { cache, blockBytes });
    expect(await read(restarted, "k")).toEqual(content);
    expect(origin.gets).toBe(7);
  });

  it("are fetched once for fifty readers, one of whom leaves", async () => {
    const { origin, store } = make();
    const content = pattern(10 * kibibyte);
    await store.put("k", content);
    const stop = new AbortController();
    const leaver = store.get("k", { signal: stop.signal }).catch((error: Error) => error.message);
    const readers = Array.from({ length: 50 }, () => read(store, "k"));
    stop.abort(new Error("enough"));
    expect(await leaver).toBe("enough");
    for (const bytes of await Promise.all(readers)) expect(bytes).toEqual(content);
    expect(origin.gets).toBe(1);
  });

  it("of an older version are never given", async () => {
    const { origin, store } = make();
    for (let n = 0; n < 10; n++) {
      await origin.put("k", pattern(40 * kibibyte - n, n));
      expect(await read(store, "k")).toEqual(pattern(40 * kibibyte - n, n));
      expect(await read(store, "k", { range: { start: 5, end: 9 } })).toEqual(pattern(9, n).slice(5));
    }
    await origin.delete("k");
    await expect(store.get("k")).rejects.toMatchObject({ code: "OBJECT_NOT_FOUND" });
  });

  it("of two versions are never mixed", async () => {
    const { origin, store } = make();
    await origin.put("k", new Uint8Array(20 * blockBytes).fill(1));
    const object = await store.get("k");
    await origin.put("k", new Uint8Array(20 * blockBytes).fill(2));
    await expect(object.bytes()).rejects.toMatchObject({ code: "OBJECT_REPLACED", retryable: true });
    expect((await read(store, "k")).every((byte) => byte === 2)).toBe(true);
  });

  it("stay within the bytes they may take, the least used dropped first", async () => {
    const { origin, cache, store } = make({ maxBytes: 5 * blockBytes });
    for (let n = 0; n < 12; n++) {
      await store.put(`k/${n}`, pattern(blockBytes, n));
      await read(store, `k/${n}`);
      await store[Symbol.asyncDispose]();
      await read(store, "k/0");
    }
    let kept = 0;
    for await (const { size } of cache.list("")) kept += size;
    expect(kept).toBeLessThanOrEqual(5 * blockBytes);
    const before = origin.gets;
    await read(store, "k/0");
    await read(store, "k/11");
    expect(origin.gets).toBe(before);
    await read(store, "k/5");
    expect(origin.gets).toBe(before + 1);
  });
});

describe("a cache", () => {
  it("that fails is passed over, and told of", async () => {
    const told: unknown[] = [];
    const { cache, store } = make({ onCacheError: (error) => void told.push(error) });
    const content = pattern(50 * kibibyte);
    await store.put("k", content);
    cache.isBroken = true;
    expect(await read(store, "k")).toEqual(content);
    cache.isBroken = false;
    expect(await read(store, "k")).toEqual(content);
    await store[Symbol.asyncDispose]();
    cache.isBroken = true;
    expect(await read(store, "k")).toEqual(content);
    await store[Symbol.asyncDispose]();
    expect(told.length).toBeGreaterThan(0);
  });

  it("that gives back something else is not believed", async () => {
    const { cache, store } = make();
    const content = pattern(10 * kibibyte);
    await store.put("k", content);
    await read(store, "k");
    await store[Symbol.asyncDispose]();
    for (const damage of [(b: Uint8Array) => b.subarray(1), (b: Uint8Array) => b.fill(9, 5, 6), () => pattern(0)]) {
      for await (const { key } of cache.list("")) await cache.put(key, damage(await read(cache, key)));
      expect(await read(store, "k")).toEqual(content);
      await store[Symbol.asyncDispose]();
    }
  });
});

it("asks for an immutable object once, and again after it was written or deleted here", async () => {
  const { origin, store } = make({ immutable: (key) => key.startsWith("blobs/") });
  await store.put("blobs/a", pattern(100));
  for (let n = 0; n < 5; n++) await read(store, "blobs/a");
  expect(origin.heads).toBe(1);
  await store.delete("blobs/a");
  await expect(store.get("blobs/a")).rejects.toMatchObject({ code: "OBJECT_NOT_FOUND" });
  await store.put("blobs/a", pattern(50));
  expect(await read(store, "blobs/a")).toHaveLength(50);
});

it("keeps small objects of a store without range reads, and passes large ones through", async () => {
  const objects = memoryObjectStore();
  const origin = counting({ ...objects, capabilities: { conditionalPut: true, rangeRead: false } });
  await using store = cached(origin, { cache: memoryObjectStore(), blockBytes });
  await store.put("small", pattern(100));
  await store.put("large", pattern(blockBytes + 1));
  for (const key of ["small", "small", "large", "large"]) await read(store, key);
  expect(origin.gets).toBe(3);
});

it.each([{ maxBytes: 0 }, { blockBytes: 100 }, { blockBytes: Number.NaN }])("refuses the options %j", (options) => {
  expect(() => make(options)).toThrow(expect.objectContaining({ code: "OPTION_INVALID" }));
});
