import { describe, expect, it, onTestFinished } from "vitest";
import { column } from "../define/column.ts";
import { VectorLayout } from "../online/layout.ts";
import type { OnlineStore } from "../online/port.ts";

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
  });
}
