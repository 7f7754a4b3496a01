import { type ObjectStore, toBytes } from "@ashlar/core";
import { memoryObjectStore } from "@ashlar/core/memory";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { countingStore } from "../../test/counting-store.ts";
import { everyOrder, fewSwitches, type Kill, type Waiting, World } from "../../test/explorer.ts";
import { blob, putPacks } from "../../test/many-packs.ts";
import { digestOf } from "./digest.ts";
import { type ArtifactStore, createArtifactStore } from "./index.ts";
import { Packs } from "./packs.ts";
import { multiPackIndexes } from "./places.ts";

const hour = 3_600_000;

function openAt(objects: ObjectStore, hours = 0): ArtifactStore {
  const clock = { now: () => Date.now() + hours * hour, monotonic: () => 0, sleep: async () => undefined };
  return createArtifactStore({ objects, clock });
}

/** A pack of 40, put by a store that finds out what there is. */
const bodiesFrom = (from: number): Uint8Array[] => Array.from({ length: 40 }, (_, n) => blob(from + n));

async function indexesOf(objects: ObjectStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of objects.list(multiPackIndexes)) keys.push(key);
  return keys;
}

async function unreadable(store: ArtifactStore, from: number, to: number): Promise<number[]> {
  const missing: number[] = [];
  for (let n = from; n < to; n++) {
    const found = await store.getBlob(digestOf(blob(n))).then(toBytes, () => undefined);
    if (found === undefined || !Buffer.from(found).equals(blob(n))) missing.push(n);
  }
  return missing;
}

describe("many packs", () => {
  it("are looked through with a few reads by whoever knows none of them", async () => {
    const { objects, counts } = countingStore(memoryObjectStore());
    await putPacks(objects, 0, 300);
    await openAt(objects).putBlobs(bodiesFrom(10_000));
    expect(await indexesOf(objects)).toHaveLength(1);
    const reader = openAt(objects);
    counts.gets = 0;
    expect(await reader.has(digestOf(blob(-1)))).toBe(false);
    // The header and a block.
    expect(counts.gets).toBe(2);
    expect(await unreadable(reader, 0, 600)).toEqual([]);
    // Of a pack its index, once, and each blob.
    expect(counts.gets).toBeLessThan(2 + 16 + 300 + 600);
    await openAt(objects).putBlobs(Array.from({ length: 600 }, (_, n) => blob(n)));
    expect(counts.puts).toBe(300 + 2);
  });

  it("that come and go bring their indexes with them, whoever puts, reads and collects meanwhile", async () => {
    const objects = memoryObjectStore();
    const reader = openAt(objects);
    for (let n = 0; n < 6; n++) {
      await putPacks(objects, 70 * n, 70 * n + 70);
      await openAt(objects).putBlobs(bodiesFrom(10_000 + 40 * n));
      // Whose indexes were merged into others since.
      expect(await unreadable(reader, 0, 140 * n)).toEqual([]);
      expect((await indexesOf(objects)).length).toBeLessThan(4);
    }
    // One blob of every pack is reached, which is half of it: all stay. Of a tenth nothing is: they go.
    const alive = (count: number): string[] => Array.from({ length: count }, (_, n) => digestOf(blob(2 * n)));
    await openAt(objects, 30).collect({ roots: alive(378) });
    expect(await unreadable(reader, 0, 756)).toEqual([]);
    expect(await reader.has(digestOf(blob(800)))).toBe(false);
    await openAt(objects, 30).collect({ roots: alive(10) });
    expect(await unreadable(reader, 0, 20)).toEqual([]);
    expect(await indexesOf(objects)).toEqual([]);
  });

  it.each<[string, (whole: Uint8Array) => Uint8Array | undefined]>([
    ["cut off in its header", (whole) => whole.slice(0, 10)],
    ["cut off in its last block", (whole) => whole.slice(0, -5)],
    ["changed in its header", (whole) => whole.with(9, 1)],
    ["changed in its last block", (whole) => whole.with(whole.byteLength - 1, 1)],
    ["gone", () => undefined],
  ])("lose nothing with an index that is %s, and get another", async (_, damage) => {
    const objects = memoryObjectStore();
    await putPacks(objects, 0, 100);
    await openAt(objects).putBlobs(bodiesFrom(10_000));
    const [key = ""] = await indexesOf(objects);
    const knowing = openAt(objects);
    expect(await knowing.has(digestOf(blob(3)))).toBe(true);
    const damaged = damage(await (await objects.get(key)).bytes());
    if (damaged === undefined) await objects.delete(key);
    else await objects.put(key, damaged);
    expect(await unreadable(openAt(objects), 0, 200)).toEqual([]);
    expect(await unreadable(knowing, 0, 200)).toEqual([]);
    expect(await openAt(objects).has(digestOf(blob(-1)))).toBe(false);
    await putPacks(objects, 100, 200);
    await openAt(objects).putBlobs(bodiesFrom(20_000));
    const roots = Array.from({ length: 400 }, (_, n) => digestOf(blob(n)));
    await openAt(objects, 30).collect({ roots });
    const { objects: counted, counts } = countingStore(objects);
    expect(await openAt(counted).has(digestOf(blob(-1)))).toBe(false);
    expect(counts.gets).toBeLessThan(10);
    expect(await unreadable(openAt(objects), 0, 400)).toEqual([]);
  });
});

/** Processes that put a pack beside many that have no index, and make one of all. */
class Scene {
  readonly world: World = new World();

  static async of(packs: number): Promise<Scene> {
    const scene = new Scene();
    const put = putPacks(scene.world.storeOf("first"), 0, packs);
    await scene.world.run(() => ({ next: 0 }));
    await put;
    return scene;
  }

  async put(actor: string, from: number): Promise<void> {
    const { clock } = this.world;
    const packs = new Packs({ objects: this.world.storeOf(actor), clock, graceMs: 24 * hour });
    await packs.catalog.refresh();
    await packs.put(new Map(bodiesFrom(from).map((body) => [digestOf(body), body])));
  }

  /** Blobs of the first packs that a process does not find that knows nothing yet. */
  missing(): Promise<readonly number[]> {
    this.world.free();
    return unreadable(openAt(this.world.storeOf("reader")), 0, 128);
  }
}

/** A read of a pack, of which it is all the same when it comes: nobody deletes one here. */
const isIndifferent = ({ call }: Waiting): boolean => call.startsWith("get blobs/packs/");

it("two who merge at once, in every order of calls with few changes of turn, lose nothing", async () => {
  const runs = await everyOrder(async (choose) => {
    const scene = await Scene.of(64);
    const { world } = scene;
    const done = Promise.all([scene.put("one", 10_000), scene.put("two", 20_000)]);
    const turn = fewSwitches(choose, 2);
    await world.run((waiting) => {
      const indifferent = waiting.findIndex(isIndifferent);
      return { next: indifferent >= 0 ? indifferent : turn(waiting) };
    });
    await done;
    expect(await scene.missing()).toEqual([]);
  });
  expect(runs).toBeGreaterThan(20);
}, 60_000);

it.each<Kill>(["before", "after", "under way", "sent twice"])(
  "who merges and is killed at any call (%s) loses nothing, nor does who merges after",
  async (kill) => {
    let killed = true;
    let at = 0;
    for (; killed && at < 60; at++) {
      const scene = await Scene.of(64);
      const { world } = scene;
      let calls = 0;
      void scene.put("killed", 10_000);
      await world.run((waiting) => {
        if (world.died("killed")) return undefined;
        if (waiting.some(isIndifferent)) return { next: waiting.findIndex(isIndifferent) };
        return calls++ === at ? { next: 0, kill } : { next: 0 };
      });
      killed = world.died("killed");
      expect(await scene.missing()).toEqual([]);
      await scene.put("next", 20_000);
      expect(await indexesOf(world.storeOf("reader"))).not.toEqual([]);
      expect(await scene.missing()).toEqual([]);
    }
    expect(at).toBeGreaterThan(6);
    expect(at).toBeLessThan(60);
  },
  60_000,
);

it("a random history of packs, roots and collections has what a set would have", async () => {
  const step = fc.record({
    what: fc.constantFrom("put", "put", "drop", "collect", "look"),
    from: fc.nat(200),
    count: fc.integer({ min: 1, max: 120 }),
    who: fc.nat(2),
  });
  const property = fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 14 }), async (steps) => {
    const objects = memoryObjectStore();
    const stores = [0, 1, 2].map(() => openAt(objects));
    const roots = new Set<number>();
    for (const { what, from, count, who } of steps) {
      const numbers = Array.from({ length: count }, (_, n) => from + n);
      if (what === "put") {
        await putPacks(objects, from, from + count);
        await stores[who]?.putBlobs(bodiesFrom(10_000 + 40 * from));
        for (const n of numbers) roots.add(2 * n);
      }
      if (what === "drop") for (const n of numbers) roots.delete(2 * n);
      if (what === "collect") {
        await openAt(objects, 30).collect({ roots: [...roots].map((n) => digestOf(blob(n))) });
      }
      const some = [...roots].filter((_, n) => n % 7 === who);
      for (const n of some) expect(await stores[who]?.has(digestOf(blob(n)))).toBe(true);
      for (const n of some.slice(0, 3)) expect(await unreadable(stores[who] as ArtifactStore, n, n + 1)).toEqual([]);
      expect(await stores[who]?.has(digestOf(blob(-from - 1)))).toBe(false);
    }
    await openAt(objects, 30).collect({ roots: [] });
    for await (const { key } of objects.list("blobs/")) expect.unreachable(key);
  });
  await fc.assert(property, { numRuns: 40 });
}, 60_000);
