import { type ObjectStore, toBytes } from "@ashlar/core";
import { memoryObjectStore } from "@ashlar/core/memory";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { digestOf } from "./digest.ts";
import { type ArtifactStore, createArtifactStore } from "./index.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const whole = async (store: ArtifactStore, digest: string): Promise<string> =>
  new TextDecoder().decode(await toBytes(await store.getBlob(digest)));

async function keysOf(objects: ObjectStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of objects.list("")) keys.push(key);
  return keys;
}

/** A process that is killed at its n-th call: before the call has an effect, or after it, as the call is answered. */
function dying(objects: ObjectStore, at: number, when: "before" | "after"): ObjectStore {
  let calls = 0;
  const call = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    calls += 1;
    if (calls > at || (calls === at && when === "before")) throw new Error("killed");
    const result = await work();
    if (calls >= at) throw new Error("killed");
    return result;
  };
  return {
    capabilities: objects.capabilities,
    get: (...args) => call(() => objects.get(...args)),
    put: (...args) => call(() => objects.put(...args)),
    head: (...args) => call(() => objects.head(...args)),
    delete: (...args) => call(() => objects.delete(...args)),
    async *list(...args) {
      await call(async () => undefined);
      yield* objects.list(...args);
    },
  };
}

describe("an upload", () => {
  it("takes parts in any order and more than once, and is resumed by its id", async () => {
    const objects = memoryObjectStore();
    const store = createArtifactStore({ objects });
    const upload = await store.createUpload({ size: 11 });
    const second = await upload.putPart(2, bytes("world"));
    expect(second).toEqual({ number: 2, size: 5, digest: digestOf(bytes("world")) });
    await expect(upload.complete()).rejects.toMatchObject({ code: "UPLOAD_INVALID" });
    const resumed = await createArtifactStore({ objects }).resumeUpload(upload.id);
    expect(await resumed.parts()).toEqual([second]);
    await resumed.putPart(1, bytes("hello "));
    expect(await resumed.putPart(2, bytes("world"))).toEqual(second);
    const result = { digest: digestOf(bytes("hello world")), size: 11 };
    expect(await resumed.complete()).toEqual(result);
    expect(await upload.complete()).toEqual(result);
    expect(await whole(store, result.digest)).toBe("hello world");
    expect((await keysOf(objects)).filter((key) => key.includes("/parts/"))).toEqual([]);
    await expect(upload.putPart(3, bytes("!"))).rejects.toMatchObject({ code: "UPLOAD_INVALID" });
  });

  it("publishes nothing that is not what it was said to be", async () => {
    const objects = memoryObjectStore();
    const store = createArtifactStore({ objects });
    const { digest } = await store.putBlob(bytes("right"));
    for (const wanted of [digest, digestOf(bytes("absent"))]) {
      const upload = await store.createUpload({ digest: wanted });
      await upload.putPart(1, bytes("wrong"));
      await expect(upload.complete()).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
      await upload.abort();
      await expect(store.resumeUpload(upload.id)).rejects.toMatchObject({ code: "UPLOAD_NOT_FOUND" });
    }
    const short = await store.createUpload({ size: 6 });
    await short.putPart(1, bytes("right"));
    await expect(short.complete()).rejects.toMatchObject({ code: "UPLOAD_INVALID" });
    await short.abort();
    expect(await keysOf(objects)).toEqual([`blobs/sha256/${digest.slice(7, 9)}/${digest.slice(7)}`]);
  });

  it("refuses another content for a part, numbers, sizes and ids that are none, and parts that changed at rest", async () => {
    const objects = memoryObjectStore();
    const store = createArtifactStore({ objects });
    const upload = await store.createUpload();
    await upload.putPart(1, bytes("one"));
    await expect(upload.putPart(1, bytes("two"))).rejects.toMatchObject({ code: "UPLOAD_INVALID" });
    for (const number of [0, 1.5, 10_001]) {
      await expect(upload.putPart(number, bytes("x"))).rejects.toMatchObject({ code: "UPLOAD_INVALID" });
    }
    await expect(store.createUpload({ size: -1 })).rejects.toMatchObject({ code: "UPLOAD_INVALID" });
    await expect(store.createUpload({ digest: "sha256:x" })).rejects.toMatchObject({ code: "DIGEST_INVALID" });
    for (const id of ["../../blobs", "", crypto.randomUUID()]) {
      await expect(store.resumeUpload(id)).rejects.toMatchObject({ code: "UPLOAD_NOT_FOUND" });
    }
    const part = (await keysOf(objects)).find((key) => key.includes("/parts/")) ?? "";
    await objects.put(part, bytes("0ne"));
    await expect(upload.complete()).rejects.toMatchObject({ code: "ARTIFACT_CORRUPT" });
    await objects.put(part.replace(/[0-9a-f]{64}/, "0".repeat(64)), bytes("one"));
    await expect(upload.complete()).rejects.toMatchObject({ code: "UPLOAD_INVALID" });
  });

  it("completed twice at once is one blob", async () => {
    const store = createArtifactStore({ objects: memoryObjectStore() });
    const upload = await store.createUpload();
    for (let part = 1; part <= 5; part++) await upload.putPart(part, bytes(`part ${part}`));
    const results = await Promise.all(
      Array.from({ length: 8 }, async () => (await store.resumeUpload(upload.id)).complete()),
    );
    expect(new Set(results.map((result) => JSON.stringify(result))).size).toBe(1);
    expect(await whole(store, results[0]?.digest ?? "")).toBe("part 1part 2part 3part 4part 5");
  });

  it.each(["before", "after"] as const)(
    "killed %s any call is invisible or whole, and can be taken up",
    async (when) => {
      const content = "one two three";
      const digest = digestOf(bytes(content));
      let finished = false;
      for (let at = 1; !finished; at++) {
        expect(at).toBeLessThan(100);
        const objects = memoryObjectStore();
        const begun = await createArtifactStore({ objects }).createUpload();
        const send = async (store: ArtifactStore): Promise<unknown> => {
          const upload = await store.resumeUpload(begun.id);
          await upload.putPart(1, bytes("one "));
          await upload.putPart(2, bytes("two three"));
          return upload.complete();
        };
        finished = await send(createArtifactStore({ objects: dying(objects, at, when) })).then(
          () => true,
          (error: unknown) => {
            expect(error).toMatchObject({ message: "killed" });
            return false;
          },
        );
        const after = createArtifactStore({ objects });
        const found = await after.getBlob(digest).then(toBytes, () => undefined);
        expect([undefined, content]).toContain(found && new TextDecoder().decode(found));
        // What is complete takes no parts any more: then the sender has only to ask for the answer.
        const upload = await after.resumeUpload(begun.id);
        const again = await send(after).catch(() => upload.complete());
        expect(again).toEqual({ digest, size: content.length });
        expect(await whole(after, digest)).toBe(content);
        expect((await keysOf(objects)).filter((key) => key.includes("/parts/"))).toEqual([]);
      }
    },
  );

  it("of any parts is their concatenation", async () => {
    const property = fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 50 }), { minLength: 1, maxLength: 12 }),
      fc.boolean(),
      fc.integer(),
      async (parts, known, seed) => {
        const store = createArtifactStore({ objects: memoryObjectStore() });
        const content = Buffer.concat(parts);
        const upload = await store.createUpload(known ? { digest: digestOf(content), size: content.length } : {});
        const order = parts.map((_, index) => index).sort((a, b) => ((a * 7 + seed) % 5) - ((b * 7 + seed) % 5));
        for (const index of order) await upload.putPart(index + 1, parts[index] ?? new Uint8Array(0));
        expect(await upload.complete()).toEqual({ digest: digestOf(content), size: content.length });
        expect(Buffer.from(await toBytes(await store.getBlob(digestOf(content)))).equals(content)).toBe(true);
      },
    );
    await fc.assert(property, { numRuns: 50 });
  });
});

it("an upload that rests longer than the lease is swept whole, one that moves is not", async () => {
  const objects = memoryObjectStore();
  const upload = await createArtifactStore({ objects }).createUpload();
  await upload.putPart(1, bytes("half"));
  const at = (ms: number): ArtifactStore => {
    const clock = { now: () => Date.now() + ms, monotonic: () => 0, sleep: async () => undefined };
    return createArtifactStore({ objects, clock, incomingLeaseMs: 60_000 });
  };
  await at(30_000).collect({ roots: [] });
  expect(await upload.parts()).toHaveLength(1);
  await at(90_000).collect({ roots: [] });
  await expect(at(0).resumeUpload(upload.id)).rejects.toMatchObject({ code: "UPLOAD_NOT_FOUND" });
  expect(await keysOf(objects)).toEqual([]);
});

it.each([["upload.json"], ["done.json"]])(
  "an upload whose record %s is damaged is refused by name, and can be aborted",
  async (name) => {
    const objects = memoryObjectStore();
    const store = createArtifactStore({ objects });
    for (const text of ["", "{", "null", "7", '{"digest":"sha256:00","size":4}', '{"size":-1}', '{"size":"4"}']) {
      const upload = await store.createUpload({ size: 4 });
      await upload.putPart(1, bytes("half"));
      await objects.put(`incoming/${upload.id}/${name}`, bytes(text));
      await expect(upload.complete()).rejects.toMatchObject({ code: "UPLOAD_INVALID" });
      await upload.abort();
      expect(await keysOf(objects)).toEqual([]);
    }
  },
);
