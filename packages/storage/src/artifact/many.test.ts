import { memoryObjectStore } from "@ashlar/core/memory";
import { describe, expect, it } from "vitest";
import { countingStore } from "../../test/counting-store.ts";
import { digestOf } from "./digest.ts";
import { createArtifactStore } from "./index.ts";
import { annexesOf, condemnedAt, homeOf, leasesOf } from "./places.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const hour = 3_600_000;

/** Bodies whose digests begin alike, so that they are kept under one prefix. */
function alike(count: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let n = 0; found.length < count && n < 100_000; n++) {
    if (digestOf(bytes(String(n))).startsWith("sha256:2c")) found.push(bytes(String(n)));
  }
  return found;
}

async function keysOf(objects: ReturnType<typeof memoryObjectStore>, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of objects.list(prefix)) keys.push(key);
  return keys;
}

describe("many small blobs", () => {
  it("are looked for by one listing under a prefix, one for markers, and put", async () => {
    const { objects, counts } = countingStore(memoryObjectStore());
    const store = createArtifactStore({ objects });
    const bodies = alike(20);
    expect((await store.putBlobs([...bodies, ...bodies])).map(({ digest }) => digest)).toEqual(
      [...bodies, ...bodies].map(digestOf),
    );
    expect(counts).toMatchObject({ lists: 2, heads: 0, puts: 20 });
    await store.putBlobs(bodies);
    expect(counts).toMatchObject({ lists: 4, heads: 0, puts: 20 });
  });

  it("that are old get a lease, that are condemned an annex, and the others a home", async () => {
    const objects = memoryObjectStore();
    const at = (hours: number): ReturnType<typeof createArtifactStore> => {
      const clock = { now: () => Date.now() + hours * hour, monotonic: () => 0, sleep: async () => undefined };
      return createArtifactStore({ objects, clock });
    };
    const bodies = alike(8);
    const [old, condemned, fresh] = bodies.map(digestOf) as [
      `sha256:${string}`,
      `sha256:${string}`,
      `sha256:${string}`,
    ];
    await at(0).putBlobs(bodies.slice(0, 2));
    await objects.put(condemnedAt("blobs", condemned), new Uint8Array());
    await at(13).putBlobs(bodies);
    expect(await keysOf(objects, leasesOf("blobs", old))).toHaveLength(1);
    expect(await keysOf(objects, annexesOf("blobs", condemned))).toHaveLength(1);
    expect(await keysOf(objects, "condemned/")).toHaveLength(1);
    for (const digest of bodies.map(digestOf)) expect(await at(13).has(digest)).toBe(true);
    expect(await objects.head(homeOf("blobs", fresh))).toBeDefined();
  });

  it("are looked for one by one where far more is kept under their prefix", async () => {
    const memory = memoryObjectStore();
    const { objects, counts } = countingStore(memory);
    for (const body of alike(200)) await memory.put(homeOf("blobs", digestOf(body)), body);
    await createArtifactStore({ objects }).putBlobs(alike(5));
    expect(counts.listed).toBeLessThan(90);
    expect(counts).toMatchObject({ heads: 5, puts: 0 });
  });

  it("beside large ones and streams come back in their order", async () => {
    const store = createArtifactStore({ objects: memoryObjectStore() });
    const large = new Uint8Array(100_000).fill(1);
    const bodies = [bytes("a"), large, new Blob(["b"]).stream(), bytes("c"), bytes("d")];
    const expected = [bytes("a"), large, bytes("b"), bytes("c"), bytes("d")].map(digestOf);
    expect((await store.putBlobs(bodies)).map(({ digest }) => digest)).toEqual(expected);
  });
});
