import { type ObjectStore, toBytes } from "@ashlar/core";
import { memoryObjectStore } from "@ashlar/core/memory";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { countingStore } from "../../test/counting-store.ts";
import { FakeS3, fakeCommands } from "../../test/fake-s3.ts";
import { SegmentedCipher } from "../../test/segmented-cipher.ts";
import { encrypted } from "../object/encrypted.ts";
import { s3 } from "../object/s3.ts";
import { digestOf } from "./digest.ts";
import { type ArtifactStore, type Collected, createArtifactStore } from "./index.ts";
import { encodePack } from "./pack.ts";
import { contentAt, everyOf, homeOf } from "./places.ts";

const hour = 3_600_000;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const numbered = (from: number, to: number): Uint8Array[] =>
  Array.from({ length: to - from }, (_, n) => bytes(`blob ${String(from + n).padStart(4, "0")}`));

/** A store seen by a process that knows nothing yet, some hours from now. */
function openAt(objects: ObjectStore, hours = 0): ArtifactStore {
  const clock = { now: () => Date.now() + hours * hour, monotonic: () => 0, sleep: async () => undefined };
  return createArtifactStore({ objects, clock });
}

async function contentsOf(objects: ObjectStore): Promise<Record<"blobs" | "manifests" | "packs", string[]>> {
  const found = { blobs: [] as string[], manifests: [] as string[], packs: [] as string[] };
  for await (const { key } of objects.list("")) {
    const content = contentAt(key);
    if (content !== undefined) found[content.kind].push(key);
  }
  return found;
}

async function read(store: ArtifactStore, body: Uint8Array): Promise<Uint8Array> {
  return toBytes(await store.getBlob(digestOf(body)));
}

describe("many small blobs that are new", () => {
  it("become one object, and are read by whoever comes with no more than it and its index", async () => {
    const { objects, counts } = countingStore(memoryObjectStore());
    const bodies = numbered(0, 500);
    const stored = await openAt(objects).putBlobs(bodies);
    expect(stored).toEqual(bodies.map((body) => ({ digest: digestOf(body), size: body.byteLength })));
    expect(counts.puts).toBe(1);
    const reader = openAt(objects);
    Object.assign(counts, { gets: 0, lists: 0 });
    for (const body of bodies) expect(await read(reader, body)).toEqual(body);
    // One look where it would be alone, one for packs, the index, and then a range for each.
    expect(counts).toMatchObject({ gets: 1 + 1 + 500, lists: 2 });
    expect(await reader.has(digestOf(bytes("none")))).toBe(false);
    await expect(read(reader, bytes("none"))).rejects.toMatchObject({ code: "ARTIFACT_NOT_FOUND" });
  });

  it("are stored once: beside loose ones, in another pack, again, and by two at once", async () => {
    const objects = memoryObjectStore();
    for (const body of numbered(0, 40)) await openAt(objects).putBlob(body);
    await openAt(objects).putBlobs(numbered(0, 100));
    expect(await contentsOf(objects)).toMatchObject({ packs: { length: 1 }, blobs: { length: 40 } });
    await Promise.all([openAt(objects).putBlobs(numbered(50, 200)), openAt(objects).putBlobs(numbered(50, 200))]);
    await openAt(objects).putBlobs(numbered(0, 200));
    expect(await contentsOf(objects)).toMatchObject({ packs: { length: 2 }, blobs: { length: 40 } });
    const size = async (): Promise<number> => {
      let sum = 0;
      for await (const info of objects.list("")) sum += info.size;
      return sum;
    };
    expect(await size()).toBe(200 * 9 + 2 * 12 + 160 * 36);
    // Who knows the packs puts nothing of theirs beside them.
    const store = openAt(objects);
    await store.putBlobs(numbered(0, 200));
    await store.putBlob(bytes("blob 0150"));
    expect(await size()).toBe(200 * 9 + 2 * 12 + 160 * 36);
  });

  it("are files of a manifest, found when another process put them after the last look, and have a location", async () => {
    const objects = memoryObjectStore();
    const early = openAt(objects);
    expect(await early.has(digestOf(bytes("blob 0003")))).toBe(false);
    await openAt(objects).putBlobs([...numbered(0, 50), bytes("")]);
    const root = await early.putManifest({ files: { a: digestOf(bytes("blob 0003")), b: digestOf(bytes("")) } });
    expect((await early.getManifest(root)).files["a"]).toMatchObject({ size: 9 });
    expect(await toBytes(await openAt(objects).getFile(root, "a"))).toEqual(bytes("blob 0003"));
    const location = await early.locate(digestOf(bytes("blob 0003")));
    expect(await (await objects.get(location)).bytes()).toEqual(bytes("blob 0003"));
    expect(location).toBe(homeOf("blobs", digestOf(bytes("blob 0003"))));
  });
});

it.each([
  ["S3", (): ObjectStore => s3({ client: new FakeS3(), commands: fakeCommands, bucket: "b" })],
  ["a cipher", (): ObjectStore => encrypted(memoryObjectStore(), { cipher: new SegmentedCipher() })],
])("packs are read and collected over %s", async (_, create) => {
  const objects = create();
  await openAt(objects).putBlobs(numbered(0, 200));
  for (const body of numbered(0, 200)) expect(await read(openAt(objects), body)).toEqual(body);
  const alive = numbered(0, 60);
  await openAt(objects, 30).collect({ roots: alive.map(digestOf) });
  for (const body of alive) expect(await read(openAt(objects), body)).toEqual(body);
  expect(await openAt(objects).has(digestOf(bytes("blob 0199")))).toBe(false);
});

describe("a collection", () => {
  it("keeps a pack of which half is reached, puts together the rest of those that have less, and deletes one that has none", async () => {
    const objects = memoryObjectStore();
    for (const [from, to] of [
      [0, 100],
      [100, 200],
      [200, 300],
      [300, 400],
    ] as const) {
      await openAt(objects).putBlobs(numbered(from, to));
    }
    // 50 of 100 stay; 40 and 3, enough for a pack, are put together; of the last none is reached.
    const alive = [...numbered(0, 50), ...numbered(100, 140), ...numbered(200, 203)];
    const roots = alive.map(digestOf);
    const seen: Collected[] = [];
    const dry = await openAt(objects, 30).collect({ roots, dryRun: true, onCollected: (each) => seen.push(each) });
    expect(dry).toMatchObject({ reachable: 93, deleted: { blobs: 257, manifests: 0, bytes: 257 * 9 }, spared: 0 });
    expect(new Set(seen.map(({ digest }) => digest))).toEqual(
      new Set([...numbered(140, 200), ...numbered(203, 400)].map(digestOf)),
    );
    expect(await openAt(objects, 30).collect({ roots })).toEqual(dry);
    expect(await contentsOf(objects)).toMatchObject({ packs: { length: 2 }, blobs: { length: 0 } });
    for (const body of alive) expect(await read(openAt(objects), body)).toEqual(body);
    expect(await openAt(objects).has(digestOf(bytes("blob 0399")))).toBe(false);
    expect(await openAt(objects, 30).collect({ roots })).toMatchObject({ deleted: { blobs: 0 }, spared: 0 });
  });

  it("under the hands of a reader that knew the pack loses it nothing", async () => {
    const objects = memoryObjectStore();
    const reader = openAt(objects);
    await reader.putBlobs(numbered(0, 100));
    const alive = [bytes("blob 0000"), bytes("blob 0001")];
    await openAt(objects, 30).collect({ roots: alive.map(digestOf) });
    for (const body of alive) expect(await read(reader, body)).toEqual(body);
    expect(await reader.has(digestOf(bytes("blob 0002")))).toBe(false);
    // What went with the pack is stored again by whoever brings it, though it knew it there.
    await reader.putBlobs(numbered(0, 100));
    for (const body of numbered(0, 100)) expect(await read(openAt(objects), body)).toEqual(body);
  });

  it.each([[2], [40]])(
    "that moves %i blobs while a reader who knows nothing looks for one loses it nothing",
    async (count) => {
      const objects = memoryObjectStore();
      await openAt(objects).putBlobs(numbered(0, 100));
      const alive = numbered(0, count);
      let moved = false;
      const seen: ObjectStore = {
        ...objects,
        async *list(prefix, options) {
          // After the look for it alone, and before the one for packs.
          if (prefix === everyOf("packs") && !moved) {
            moved = true;
            await openAt(objects, 30).collect({ roots: alive.map(digestOf) });
          }
          yield* objects.list(prefix, options);
        },
      };
      expect(await read(openAt(seen), alive[1] as Uint8Array)).toEqual(alive[1]);
      expect(moved).toBe(true);
      expect(await contentsOf(objects)).toMatchObject({ packs: { length: count === 2 ? 0 : 1 } });
    },
  );

  it("spares for a grace the pack in which somebody found something", async () => {
    const objects = memoryObjectStore();
    await openAt(objects).putBlobs(numbered(0, 100));
    const late = openAt(objects, 13);
    await late.putBlobs(numbered(0, 40));
    expect(await openAt(objects, 23.9).collect({ roots: [] })).toMatchObject({ deleted: { blobs: 0 } });
    expect(await openAt(objects, 23.9).has(digestOf(bytes("blob 0099")))).toBe(true);
  });
});

describe("a damaged pack", () => {
  const bodies = numbered(0, 40);
  const { digest, bytes: whole } = encodePack(new Map(bodies.map((body) => [digestOf(body), body])));
  const home = homeOf("packs", digest);

  /** What reading each blob gives: it, or the code of an error. */
  const outcomes = (objects: ObjectStore): Promise<unknown[]> =>
    Promise.all(
      bodies.map((body) =>
        read(openAt(objects), body).then(
          (found) => Buffer.from(found).equals(body),
          (error: { code?: unknown }) => error.code,
        ),
      ),
    );
  const cutAt = async (length: number): Promise<ObjectStore> => {
    const objects = memoryObjectStore();
    await objects.put(home, whole.subarray(0, length));
    return objects;
  };
  const indexLength = 12 + 36 * 40;

  it.each([0, 5, 12, 1000, indexLength - 1])(
    "cut off in its index, at %i, is not believed, and stays",
    async (length) => {
      const objects = await cutAt(length);
      expect(new Set(await outcomes(objects))).toEqual(new Set(["ARTIFACT_CORRUPT"]));
      const roots = [digestOf(bodies[0] as Uint8Array)];
      const refused = { code: "ARTIFACT_NOT_FOUND" };
      await expect(openAt(objects, 30).collect({ roots })).rejects.toMatchObject(refused);
      await openAt(objects, 30).collect({ roots: [] });
      expect(await objects.head(home)).toBeDefined();
      await openAt(objects).putBlobs(bodies.slice(0, 35));
      expect((await outcomes(objects)).filter((outcome) => outcome === true)).toHaveLength(35);
    },
  );

  it.each([indexLength, whole.byteLength - 100, whole.byteLength - 1])(
    "cut off in its bodies, at %i, gives what is whole, and an error for the rest",
    async (length) => {
      const found = await outcomes(await cutAt(length));
      const expected = Math.floor((length - indexLength) / 9);
      expect(found.filter((outcome) => outcome === true)).toHaveLength(expected);
      expect(found.filter((outcome) => outcome === "ARTIFACT_CORRUPT")).toHaveLength(40 - expected);
    },
  );

  it("with a changed body keeps what roots reach of it from being deleted with it, and gives nothing wrong", async () => {
    const objects = memoryObjectStore();
    const changed = Uint8Array.from(whole);
    changed[whole.byteLength - 1] = (changed[whole.byteLength - 1] ?? 0) ^ 1;
    await objects.put(home, changed);
    const [last] = bodies.map(digestOf).sort().slice(-1) as [string];
    await expect(toBytes(await openAt(objects).getBlob(last))).rejects.toMatchObject({ code: "ARTIFACT_CORRUPT" });
    expect(await openAt(objects, 30).collect({ roots: [last] })).toMatchObject({ deleted: { blobs: 0 }, spared: 1 });
    expect(await objects.head(home)).toBeDefined();
    for await (const { key } of objects.list("condemned/")) expect.unreachable(key);
  });

  it("under another's name is not believed", async () => {
    const objects = memoryObjectStore();
    await objects.put(homeOf("packs", digestOf(bytes("another"))), whole);
    expect(await openAt(objects).has(digestOf(bodies[0] as Uint8Array))).toBe(false);
  });
});

it("a random history of puts, roots and collections has what a set would have", async () => {
  const range = fc.tuple(fc.nat(160), fc.integer({ min: 1, max: 80 }));
  const step = fc.oneof(
    fc.record({ what: fc.constantFrom("put" as const, "drop" as const), range }),
    fc.record({ what: fc.constantFrom("alone" as const, "manifest" as const, "collect" as const), range }),
  );
  const property = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
    const objects = memoryObjectStore();
    const times = new Map<string, number>();
    let now = Date.now();
    const aged: ObjectStore = {
      ...objects,
      put: async (key, ...rest) => {
        const info = await objects.put(key, ...rest);
        times.set(key, now);
        return { ...info, lastModified: now };
      },
      head: async (key) => {
        const info = await objects.head(key);
        return info && { ...info, lastModified: times.get(key) ?? now };
      },
      async *list(prefix) {
        for await (const info of objects.list(prefix)) yield { ...info, lastModified: times.get(info.key) ?? now };
      },
    };
    const clock = { now: () => now, monotonic: () => 0, sleep: async () => undefined };
    const stores = [0, 1].map(() => createArtifactStore({ objects: aged, clock }));
    const roots = new Map<string, Uint8Array>();
    for (const [
      n,
      {
        what,
        range: [from, count],
      },
    ] of steps.entries()) {
      const store = stores[n % 2] as ArtifactStore;
      const bodies = numbered(from, from + count);
      now += hour;
      if (what === "put") await store.putBlobs(bodies);
      if (what === "alone") await store.putBlob(bodies[0] as Uint8Array);
      if (what === "put" || what === "alone") {
        for (const body of what === "put" ? bodies : bodies.slice(0, 1)) roots.set(digestOf(body), body);
      }
      if (what === "manifest" && roots.has(digestOf(bodies[0] as Uint8Array))) {
        await store.putManifest({ files: { a: digestOf(bodies[0] as Uint8Array) } });
      }
      if (what === "drop") for (const body of bodies) roots.delete(digestOf(body));
      if (what === "collect") {
        now += 30 * hour;
        await store.collect({ roots: roots.keys() });
      }
      for (const [digest, body] of roots) {
        expect(Buffer.from(await toBytes(await store.getBlob(digest))).equals(body)).toBe(true);
      }
    }
    // At last nothing is reached, and nothing stays.
    roots.clear();
    now += 30 * hour;
    await stores[0]?.collect({ roots: [] });
    expect(await contentsOf(objects)).toMatchObject({ blobs: { length: 0 }, packs: { length: 0 } });
  });
  await fc.assert(property, { numRuns: 60 });
}, 60_000);
