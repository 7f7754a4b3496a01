import { describe, expect, it, onTestFinished } from "vitest";
import { column } from "../define/column.ts";
import { arrow } from "../offline/arrow.ts";
import { VectorLayout } from "../online/layout.ts";
import type { OnlineEntry, OnlineStore } from "../online/port.ts";
import { missingKeyOnline, onlineTraps } from "./trap-online.ts";

export interface OnlineStoreSuite {
  /** An empty store for each test; the suite disposes it. */
  readonly create: () => OnlineStore | Promise<OnlineStore>;
}

const layout = new VectorLayout({ value: column("value"), note: column("note", "string") });
const key = (text: string): Uint8Array => new TextEncoder().encode(text);

function vector(value: number, [event, known, asOf]: readonly [number, number, number]): Uint8Array {
  return layout.pack([value, "ü"], { event: BigInt(event), known: BigInt(known), asOf: BigInt(asOf) });
}

/** Proves an online store. */
export function describeOnlineStore(name: string, suite: OnlineStoreSuite): void {
  async function open(): Promise<OnlineStore> {
    const store = await suite.create();
    onTestFinished(() => store[Symbol.asyncDispose]());
    return store;
  }

  async function value(store: OnlineStore, id: string, namespace = "v@1"): Promise<unknown> {
    const { vectors } = await store.read(namespace, [key(id)]);
    return vectors[0] === undefined ? undefined : layout.unpack(vectors[0]).get("value");
  }

  describe(`${name}: online store`, () => {
    it.each(onlineTraps)("$id: $title", async ({ run }) => {
      await expect(run(arrow(), await open())).resolves.toBeUndefined();
    });

    it("T13: a null key matches nothing, and says so", async () => {
      await expect(missingKeyOnline(arrow(), await open())).resolves.toBeUndefined();
    });

    it("reads what was written, in the order of the keys asked for, and undefined for the rest", async () => {
      const store = await open();
      const entries = ["a", "b"].map((id, i) => ({ key: key(id), vector: vector(i, [1, 1, 1]) }));
      await store.write("v@1", entries);
      const { vectors } = await store.read("v@1", ["b", "none", "a", "b"].map(key));
      expect(vectors.map((each) => each && layout.unpack(each).get("value"))).toEqual([1, undefined, 0, 1]);
      expect((await store.read("v@1", [])).vectors).toEqual([]);
    });

    it("keeps namespaces apart: two versions of a view serve side by side", async () => {
      const store = await open();
      await store.write("v@1", [{ key: key("a"), vector: vector(1, [1, 1, 1]) }], { watermark: 5 });
      await store.write("v@2", [{ key: key("a"), vector: vector(2, [1, 1, 1]) }]);
      expect([await value(store, "a", "v@1"), await value(store, "a", "v@2")]).toEqual([1, 2]);
      expect([await store.watermark("v@1"), await store.watermark("v@2")]).toEqual([5, undefined]);
    });

    it.each([
      ["an older event", [1, 9, 9], false],
      ["the same event, known earlier", [2, 1, 9], false],
      ["the same event and known time, as of earlier", [2, 2, 1], false],
      ["the same stamp", [2, 2, 2], true],
      ["a correction: the same event, known later", [2, 3, 2], true],
      ["a later event before the epoch's zero", [-1, 0, 0], false],
      ["a later event", [3, 0, 0], true],
    ] as const)("with %s %j replaces: %s", async (_, stamp, replaces) => {
      const store = await open();
      await store.write("v@1", [{ key: key("a"), vector: vector(1, [2, 2, 2]) }]);
      await store.write("v@1", [{ key: key("a"), vector: vector(2, stamp) }]);
      expect(await value(store, "a")).toBe(replaces ? 2 : 1);
    });

    it("keeps the latest of one batch whatever its order", async () => {
      const store = await open();
      const stamps = [3, 5, 4].map((event) => ({ key: key("a"), vector: vector(event, [event, 0, 0]) }));
      await store.write("v@1", stamps);
      expect(await value(store, "a")).toBe(5);
    });

    it("never moves the watermark back", async () => {
      const store = await open();
      await store.write("v@1", [], { watermark: 10.5 });
      await store.write("v@1", [], { watermark: 3 });
      expect(await store.watermark("v@1")).toBe(10.5);
      expect((await store.read("v@1", [key("a")])).watermark).toBe(10.5);
    });

    it("writes nothing under an aborted signal", async () => {
      const store = await open();
      const signal = AbortSignal.abort(new Error("no longer wanted"));
      const entries = [{ key: key("a"), vector: vector(1, [1, 1, 1]) }];
      await expect(store.write("v@1", entries, { watermark: 1, signal })).rejects.toThrow("no longer wanted");
      expect([await value(store, "a"), await store.watermark("v@1")]).toEqual([undefined, undefined]);
    });

    it("lets vectors go when their time is over, if it says that it does", async () => {
      const store = await open();
      const [short, long] = ["short", "long"].map((id) => ({ key: key(id), vector: vector(1, [1, 1, 1]) }));
      await store.write("v@1", [short as OnlineEntry], { keepMs: 50 });
      await store.write("v@1", [long as OnlineEntry], { keepMs: 600_000 });
      const attempts = store.capabilities.expiry ? 200 : 3;
      for (let i = 0; i < attempts && (await value(store, "short")) !== undefined; i++) {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      const gone = (await value(store, "short")) === undefined;
      expect([gone, await value(store, "long")]).toEqual([store.capabilities.expiry, 1]);
      const again = { key: key("short"), expected: gone ? undefined : short?.vector, next: vector(2, [0, 0, 0]) };
      expect(await store.exchange("v@1", [again])).toEqual([true]);
      expect(await value(store, "short")).toBe(2);
    });

    it("tells binary keys apart", async () => {
      const store = await open();
      const keys = [Uint8Array.of(0), Uint8Array.of(0, 0), Uint8Array.of(255), Uint8Array.of()];
      await store.write(
        "v@1",
        keys.map((each, i) => ({ key: each, vector: vector(i, [1, 1, 1]) })),
      );
      const { vectors } = await store.read("v@1", keys);
      expect(vectors.map((each) => each && layout.unpack(each).get("value"))).toEqual([0, 1, 2, 3]);
    });

    it("exchanges a vector only for one that is still what was seen, whatever the stamps", async () => {
      const store = await open();
      const [high, low, other] = [vector(1, [9, 9, 9]), vector(2, [1, 1, 1]), vector(3, [5, 5, 5])];
      const exchange = (id: string, expected: Uint8Array | undefined, next: Uint8Array): Promise<readonly boolean[]> =>
        store.exchange("v@1", [{ key: key(id), expected, next }]);
      expect(await exchange("a", other, high)).toEqual([false]);
      expect(await exchange("a", undefined, high)).toEqual([true]);
      expect(await exchange("a", undefined, low)).toEqual([false]);
      expect(await exchange("a", high, low)).toEqual([true]);
      expect(await value(store, "a")).toBe(2);
      const changes = [
        { key: key("b"), expected: low, next: other },
        { key: key("a"), expected: low, next: other },
        { key: key("c"), expected: undefined, next: other },
      ];
      expect(await store.exchange("v@1", changes)).toEqual([false, true, true]);
      expect([await value(store, "a"), await value(store, "b"), await value(store, "c")]).toEqual([3, undefined, 3]);
      expect(await store.exchange("v@1", [])).toEqual([]);
      const signal = AbortSignal.abort(new Error("no longer wanted"));
      await expect(store.exchange("v@1", changes, { signal })).rejects.toThrow("no longer wanted");
    });

    it("loses no exchange of many writers that count one up", async () => {
      const store = await open();
      const id = key("counter");
      async function countUp(): Promise<void> {
        for (let attempt = 0; attempt < 200; attempt++) {
          const seen = (await store.read("v@1", [id])).vectors[0];
          const counted = seen === undefined ? 0 : Number(layout.unpack(seen).get("value"));
          const [made] = await store.exchange("v@1", [
            { key: id, expected: seen, next: vector(counted + 1, [1, 1, 1]) },
          ]);
          if (made === true) return;
        }
        throw new Error("the counter was never the one that was seen");
      }
      await Promise.all(Array.from({ length: 30 }, countUp));
      expect(await value(store, "counter")).toBe(30);
    });

    it("scans every vector of a namespace and no other, while others are written", async () => {
      const store = await open();
      const ids = ["", "\u0000", "}", ...Array.from({ length: 1_200 }, (_, i) => `k${i}`)];
      const entries = ids.map((id, i) => ({ key: key(id), vector: vector(i, [1, 1, 1]) }));
      await store.write("v@1", entries, { watermark: 4 });
      await store.write("v@10", entries.slice(0, 3));
      const found = new Map<string, unknown>();
      for await (const page of store.scan("v@1")) {
        await store.write("v@1", [{ key: key("k7"), vector: vector(-1, [9, 9, 9]) }]);
        for (const entry of page) {
          found.set(new TextDecoder().decode(entry.key), layout.unpack(entry.vector).get("value"));
        }
      }
      expect([...found.keys()].sort()).toEqual([...ids].sort());
      expect([-1, ids.indexOf("k7")]).toContain(found.get("k7"));
      found.set("k7", ids.indexOf("k7"));
      expect(ids.map((id) => found.get(id))).toEqual(ids.map((_, i) => i));
      for await (const page of store.scan("v@2")) expect(page).toEqual([]);
      const signal = AbortSignal.abort(new Error("no longer wanted"));
      const aborted = async (): Promise<void> => {
        for await (const page of store.scan("v@1", { signal })) expect(page).toBeUndefined();
      };
      await expect(aborted()).rejects.toThrow("no longer wanted");
    });

    it("clears a namespace and no other, however many keys it has", async () => {
      const store = await open();
      const many = Array.from({ length: 1_500 }, (_, i) => ({ key: key(`k${i}`), vector: vector(i, [1, 1, 1]) }));
      for (const name of ["v@1", "v@10", "v@*"]) await store.write(name, many, { watermark: 4 });
      await store.clear("v@1");
      const { vectors, watermark } = await store.read(
        "v@1",
        many.map((each) => each.key),
      );
      expect([vectors.every((each) => each === undefined), watermark]).toEqual([true, undefined]);
      await store.clear("v@*");
      expect([await value(store, "k7", "v@10"), await store.watermark("v@10")]).toEqual([7, 4]);
      await store.clear("never written");
      await store.write("v@1", [{ key: key("a"), vector: vector(1, [0, 0, 0]) }]);
      expect(await value(store, "a")).toBe(1);
    });
  });
}
