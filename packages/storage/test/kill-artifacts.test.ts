import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toBytes } from "@ashlar/core";
import { type ArtifactStore, createArtifactStore } from "@ashlar/storage/artifact";
import { fileSystem } from "@ashlar/storage/file-system";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { digestOf } from "../src/artifact/digest.ts";
import { killed } from "./killed.ts";
import { blob, putPacks } from "./many-packs.ts";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

function open(root: string, hoursLater = 0): ArtifactStore {
  const now = (): number => Date.now() + hoursLater * 3_600_000;
  const clock = { now, monotonic: () => performance.now(), sleep: async () => undefined };
  return createArtifactStore({ objects: fileSystem({ root }), clock });
}

/** More small blobs than make two packs. */
const many = (name: string): Uint8Array[] => Array.from({ length: 80 }, (_, n) => text(`${name} ${n}`));

/** The bytes of a blob, to the end and so verified; undefined when it is not there. */
async function whole(store: ArtifactStore, digest: string): Promise<Uint8Array | undefined> {
  return (await store.has(digest)) ? await toBytes(await store.getBlob(digest)) : undefined;
}

/** By a process that knows nothing yet. */
async function expectAll(folder: string, blobs: readonly Uint8Array[]): Promise<void> {
  const store = open(folder);
  for (const blob of blobs) expect(await whole(store, digestOf(blob))).toEqual(blob);
}

async function keysBelow(root: string, ...prefixes: readonly string[]): Promise<string[]> {
  const keys: string[] = [];
  for (const prefix of prefixes) for await (const { key } of fileSystem({ root }).list(prefix)) keys.push(key);
  return keys;
}

describe("an artifact store killed at any change of the objects below", () => {
  let root = "";
  let original = "";
  const kept = digestOf(text("kept"));
  const lost = digestOf(text("lost"));
  let reached = "";
  let uploadId = "";
  const long = new Uint8Array(9 * 1024 * 1024).fill(7);
  const uploaded = digestOf(text("first second"));

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "ashlar-kill-artifacts-"));
    original = join(root, "original");
    const store = open(original);
    for (const blob of ["kept", "lost"]) await store.putBlob(text(blob));
    await store.putManifest({ files: { lost } });
    reached = await store.putManifest({ files: { kept } });
    const upload = await store.createUpload({ digest: uploaded });
    uploadId = upload.id;
    await upload.putPart(1, text("first "));
    await store.putBlobs(many("packed"));
  });
  afterAll(() => rm(root, { recursive: true, force: true, maxRetries: 5 }));

  /** Kills it before and after each change in turn, until it comes to its end. @returns what was seen */
  async function killEverywhere(
    what: string,
    subject: string,
    look: (folder: string) => Promise<string>,
    from = original,
  ): Promise<string[]> {
    const seen = new Set<string>();
    let died = true;
    for (let step = 0; died && step < 60; step++) {
      const folder = join(root, `${what}-${step}`);
      await cp(from, folder, { recursive: true });
      const when = step % 2 === 0 ? "before" : "after";
      died = await killed("kill-artifacts.ts", folder, what, String(1 + (step >> 1)), when, subject);
      seen.add(`${died ? "killed" : "done"}: ${await look(folder)}`);
      expect(await whole(open(folder), kept)).toEqual(text("kept"));
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    }
    expect(died).toBe(false);
    return [...seen].sort();
  }

  it("has a long stream whole or not at all, and collects what was put aside", { timeout: 120_000 }, async () => {
    const digest = digestOf(long);
    const seen = await killEverywhere("stream", "", async (folder) => {
      const found = await whole(open(folder), digest);
      expect(found?.byteLength ?? long.byteLength).toBe(long.byteLength);
      // Done again, it is there; and a day later what the dead process left is swept.
      expect(await open(folder).putBlob(new Blob([long]).stream())).toEqual({ digest, size: long.byteLength });
      expect((await whole(open(folder), digest))?.byteLength).toBe(long.byteLength);
      await open(folder, 49).collect({ roots: [reached, digest] });
      expect(await keysBelow(folder, "incoming/")).toEqual([]);
      return found === undefined ? "absent" : "whole";
    });
    expect(seen).toEqual(["done: whole", "killed: absent", "killed: whole"]);
  });

  it("goes on with an upload in parts where it was left", { timeout: 120_000 }, async () => {
    const seen = await killEverywhere("upload", uploadId, async (folder) => {
      const store = open(folder);
      const found = await whole(store, uploaded);
      expect(found ?? text("first second")).toEqual(text("first second"));
      const upload = await store.resumeUpload(uploadId);
      // One that was completed takes no more parts, and tells its result again.
      if (found === undefined) await upload.putPart(2, text("second"));
      expect(await upload.complete()).toEqual({ digest: uploaded, size: 12 });
      expect(await whole(store, uploaded)).toEqual(text("first second"));
      return found === undefined ? "absent" : "whole";
    });
    expect(seen).toEqual(["done: whole", "killed: absent", "killed: whole"]);
  });

  it("has a manifest with all of its blobs, or none", { timeout: 120_000 }, async () => {
    const fresh = digestOf(text("new"));
    const seen = await killEverywhere("manifest", kept, async (folder) => {
      const store = open(folder);
      const manifests = (await keysBelow(folder, "manifests/")).length;
      const digest = await store.putManifest({
        files: { a: (await store.putBlob(text("new"))).digest, kept },
      });
      expect(await toBytes(await store.getFile(digest, "a"))).toEqual(text("new"));
      expect(await whole(store, fresh)).toEqual(text("new"));
      return manifests === 3 ? "there" : "absent";
    });
    expect(seen).toEqual(["done: there", "killed: absent", "killed: there"]);
  });

  it("has many small blobs all, or none of them", { timeout: 120_000 }, async () => {
    const seen = await killEverywhere("many", "fresh", async (folder) => {
      const before = open(folder);
      const there = await Promise.all(many("fresh").map((blob) => whole(before, digestOf(blob))));
      const count = there.filter((blob) => blob !== undefined).length;
      await open(folder).putBlobs(many("fresh"));
      await expectAll(folder, many("fresh"));
      return String(count);
    });
    expect(seen).toEqual(["done: 80", "killed: 0", "killed: 80"]);
  });

  it("finds what is in many packs while their indexes are merged", { timeout: 120_000 }, async () => {
    const packed = join(root, "many-packs");
    await cp(original, packed, { recursive: true });
    await putPacks(fileSystem({ root: packed }), 0, 64);
    await open(packed).putBlobs(many("first"));
    await putPacks(fileSystem({ root: packed }), 64, 127);
    const some = Array.from({ length: 25 }, (_, n) => blob(10 * n));
    const look = async (folder: string): Promise<string> => {
      const indexes = await keysBelow(folder, "blobs/indexes/");
      await expectAll(folder, some);
      await open(folder).collect({ roots: [reached, ...some.map(digestOf)] });
      expect(await keysBelow(folder, "blobs/indexes/")).toHaveLength(1);
      await expectAll(folder, some);
      return String(indexes.length);
    };
    const seen = await killEverywhere("many", "second", look, packed);
    expect(seen).toEqual(["done: 1", "killed: 1", "killed: 2"]);
  });

  it.each([1, 33])(
    "keeps %i blobs of a pack through a collection that moves them",
    { timeout: 120_000 },
    async (count) => {
      const moved = many("packed").slice(0, count);
      const roots = [reached, ...moved.map(digestOf)];
      const seen = await killEverywhere("collect", roots.join(","), async (folder) => {
        await expectAll(folder, moved);
        const rest = await whole(open(folder), digestOf(text("packed 79")));
        await open(folder, 75).collect({ roots });
        await expectAll(folder, moved);
        expect(await keysBelow(folder, "condemned/", "blobs/packs/")).toHaveLength(count === 1 ? 0 : 1);
        // The whole may come again.
        await open(folder).putBlobs(many("packed"));
        await expectAll(folder, many("packed"));
        return rest === undefined ? "moved" : "there";
      });
      expect(seen).toEqual(["done: moved", "killed: moved", "killed: there"]);
    },
  );

  it("keeps what roots reach through a collection, and the next one ends its work", { timeout: 120_000 }, async () => {
    const seen = await killEverywhere("collect", reached, async (folder) => {
      const left = await whole(open(folder), lost);
      expect(left ?? text("lost")).toEqual(text("lost"));
      await open(folder, 75).collect({ roots: [reached] });
      expect(await whole(open(folder), lost)).toBeUndefined();
      expect(await keysBelow(folder, "condemned/")).toEqual([]);
      // The same bytes may come again.
      expect((await open(folder).putBlob(text("lost"))).digest).toBe(lost);
      expect(await whole(open(folder), lost)).toEqual(text("lost"));
      expect(await toBytes(await open(folder).getFile(reached, "kept"))).toEqual(text("kept"));
      return left === undefined ? "gone" : "there";
    });
    expect(seen).toEqual(["done: gone", "killed: gone", "killed: there"]);
  });
});
