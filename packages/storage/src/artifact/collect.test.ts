import { toBytes } from "@ashlar/core";
import { memoryObjectStore } from "@ashlar/core/memory";
import { describe, expect, it } from "vitest";
import { digestOf } from "./digest.ts";
import { type ArtifactStore, type Collected, createArtifactStore } from "./index.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const hour = 3_600_000;

function world(): { at: (hours: number) => ArtifactStore; objects: ReturnType<typeof memoryObjectStore> } {
  const objects = memoryObjectStore();
  const at = (hours: number): ArtifactStore => {
    const clock = { now: () => Date.now() + hours * hour, monotonic: () => 0, sleep: async () => undefined };
    return createArtifactStore({ objects, clock });
  };
  return { at, objects };
}

const nothing = { reachable: 0, deleted: { blobs: 0, manifests: 0, bytes: 0 }, spared: 0 };

describe("collect", () => {
  it("keeps what the roots reach, and what is young; deletes the rest", async () => {
    const { at, objects } = world();
    const store = at(0);
    const [kept, lost, pinned] = [
      await store.putBlob(bytes("kept")),
      await store.putBlob(bytes("lost")),
      await store.putBlob(bytes("pinned")),
    ];
    const root = await store.putManifest({ files: { a: kept.digest } });
    const old = await store.putManifest({ files: { a: kept.digest, b: lost.digest } });
    const roots = [root, pinned.digest];
    expect(await at(23).collect({ roots })).toEqual({ ...nothing, reachable: 3 });

    const seen: Collected[] = [];
    const dry = await at(25).collect({ roots, dryRun: true, onCollected: (collected) => seen.push(collected) });
    expect(dry.deleted).toMatchObject({ blobs: 1, manifests: 1 });
    expect(seen.map(({ kind, digest }) => [kind, digest])).toEqual([
      ["manifests", old],
      ["blobs", lost.digest],
    ]);
    expect(await store.has(lost.digest)).toBe(true);

    async function* later(): AsyncGenerator<string> {
      yield* roots;
    }
    expect(await at(25).collect({ roots: () => later() })).toEqual(dry);
    expect([await store.has(kept.digest), await store.has(pinned.digest), await store.has(lost.digest)]).toEqual([
      true,
      true,
      false,
    ]);
    await expect(store.getManifest(old)).rejects.toMatchObject({ code: "ARTIFACT_NOT_FOUND" });
    expect(new TextDecoder().decode(await toBytes(await store.getFile(root, "a")))).toBe("kept");
    for await (const { key } of objects.list("condemned/")) expect.unreachable(key);
  });

  it("spares for a grace what somebody found there, and sweeps the lease in the end", async () => {
    const { at, objects } = world();
    const { digest } = await at(0).putBlob(bytes("again"));
    const leases = async (): Promise<number> => {
      let count = 0;
      for await (const { size } of objects.list("leases/")) count += size + 1;
      return count;
    };
    // Leased now, by a clock that says the blob is old.
    await at(25).putBlob(bytes("again"));
    expect(await leases()).toBe(1);
    await expect(at(20).collect({ roots: [] })).resolves.toMatchObject({ spared: 0 });
    expect((await at(23.9).collect({ roots: [] })).deleted.blobs).toBe(0);
    expect((await at(25).collect({ roots: [] })).deleted.blobs).toBe(1);
    expect(await at(0).has(digest)).toBe(false);
    await at(49).collect({ roots: [] });
    expect(await leases()).toBe(0);
  });

  it("refuses before anything is deleted: a root that is not there, a grace that is shorter, a store without conditions", async () => {
    const { at, objects } = world();
    await at(0).putBlob(bytes("old"));
    const unknown = digestOf(bytes("unknown"));
    await expect(at(30).collect({ roots: [unknown] })).rejects.toMatchObject({ code: "ARTIFACT_NOT_FOUND" });
    await expect(at(30).collect({ roots: ["sha256:x"] })).rejects.toMatchObject({ code: "DIGEST_INVALID" });
    await expect(at(30).collect({ roots: [], grace: "1h" })).rejects.toMatchObject({ code: "COLLECT_REFUSED" });
    await expect(at(30).collect({ roots: [], grace: "0h" })).rejects.toMatchObject({ code: "DURATION_INVALID" });
    const plain = createArtifactStore({
      objects: { ...objects, capabilities: { conditionalPut: false, rangeRead: true } },
    });
    await expect(plain.collect({ roots: [] })).rejects.toMatchObject({ code: "COLLECT_REFUSED" });
    expect((await at(30).collect({ roots: [], grace: "48h" })).deleted.blobs).toBe(0);
    expect(await at(0).has(digestOf(bytes("old")))).toBe(true);
  });

  it("stops when it has lasted longer than a lease is sure to be seen", async () => {
    const objects = memoryObjectStore();
    let now = Date.now();
    const clock = { now: () => now, monotonic: () => 0, sleep: async () => undefined };
    const store = createArtifactStore({ objects, clock, grace: "1h" });
    const { digest } = await store.putBlob(bytes("old"));
    now += 2 * hour;
    const slow = async (): Promise<string[]> => {
      now += 2 * hour;
      return [];
    };
    await expect(store.collect({ roots: slow })).rejects.toMatchObject({ code: "COLLECT_REFUSED" });
    expect(await store.has(digest)).toBe(true);
  });

  it("leaves alone what it does not know", async () => {
    const { at, objects } = world();
    const keys = ["blobs/readme", "blobs/sha256/aa/short", "leases/x", "condemned/x", "other/y"];
    for (const key of keys) await objects.put(key, bytes("?"));
    await at(30).collect({ roots: [] });
    for (const key of keys) expect(await objects.head(key), key).toBeDefined();
  });

  it("stops at an abort", async () => {
    const { at } = world();
    await at(0).putBlob(bytes("old"));
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(at(30).collect({ roots: [], signal })).rejects.toThrow("enough");
  });
});
