import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { coreError, systemClock, toBytes, toStream } from "@ashlar/core";
import { memoryObjectStore } from "@ashlar/core/memory";
import { describe, expect, it } from "vitest";
import { digestOf } from "./digest.ts";
import { createArtifactStore } from "./index.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const helloDigest = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

describe("blobs", () => {
  it("are stored once under their SHA-256, from bytes or a stream", async () => {
    const objects = memoryObjectStore();
    const store = createArtifactStore({ objects });
    expect(await store.putBlob(bytes("hello"))).toEqual({ digest: helloDigest, size: 5 });
    expect(await store.putBlob(toStream(bytes("hello")))).toEqual({ digest: helloDigest, size: 5 });
    expect(await store.has(helloDigest)).toBe(true);
    expect(new TextDecoder().decode(await toBytes(await store.getBlob(helloDigest)))).toBe("hello");
    const keys: string[] = [];
    for await (const { key } of objects.list("")) keys.push(key);
    expect(keys).toEqual([`blobs/sha256/2c/${helloDigest.slice(7)}`]);
  });

  it("with a flipped byte are never returned as good", async () => {
    const objects = memoryObjectStore();
    const store = createArtifactStore({ objects });
    const { digest } = await store.putBlob(bytes("hello"));
    await objects.put(`blobs/sha256/2c/${digest.slice(7)}`, bytes("hellp"));
    await expect(toBytes(await store.getBlob(digest))).rejects.toMatchObject({ code: "ARTIFACT_CORRUPT" });
  });

  it("stay invisible when the body fails half-way", async () => {
    const objects = memoryObjectStore();
    const store = createArtifactStore({ objects });
    const broken = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(bytes("hel"));
        controller.error(new Error("gone"));
      },
    });
    await expect(store.putBlob(broken)).rejects.toThrow("gone");
    for await (const { key } of objects.list("")) expect.unreachable(key);
    await expect(store.getBlob(helloDigest)).rejects.toMatchObject({ code: "ARTIFACT_NOT_FOUND" });
    await expect(store.has("sha256:x")).rejects.toMatchObject({ code: "DIGEST_INVALID" });
  });
});

describe("a blob whose digest is given", () => {
  it("goes straight to its place, verified on the way, whether it is there or not", async () => {
    const objects = memoryObjectStore();
    const put: string[] = [];
    const store = createArtifactStore({
      objects: { ...objects, put: (key, ...rest) => (put.push(key), objects.put(key, ...rest)) },
    });
    const long = new Uint8Array(9 * 1024 * 1024).fill(7);
    const { digest, size } = await store.putBlob(toStream(long), { digest: digestOf(long) });
    expect([digest, size]).toEqual([digestOf(long), long.byteLength]);
    expect(put).toEqual([`blobs/sha256/${digest.slice(7, 9)}/${digest.slice(7)}`]);
    expect(await store.putBlob(toStream(long), { digest })).toEqual({ digest, size });
    const refused = { code: "DIGEST_MISMATCH" };
    await expect(store.putBlob(toStream(bytes("other")), { digest })).rejects.toMatchObject(refused);
    await expect(store.putBlob(bytes("other"), { digest })).rejects.toMatchObject(refused);
    await expect(store.putBlob(toStream(bytes("x")), { digest: helloDigest })).rejects.toMatchObject(refused);
    expect(await store.has(helloDigest)).toBe(false);
    await expect(store.putBlob(bytes("x"), { digest: "sha256:x" })).rejects.toMatchObject({ code: "DIGEST_INVALID" });
  });
});

describe("many blobs and files", () => {
  it("are stored in the order they came, each once, from any iterable", async () => {
    const store = createArtifactStore({ objects: memoryObjectStore() });
    async function* bodies(): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < 100; i++) yield bytes(`body ${i % 60}`);
    }
    const stored = await store.putBlobs(bodies(), { concurrency: 7 });
    expect(stored.map(({ digest }) => digest)).toEqual(
      Array.from({ length: 100 }, (_, i) => digestOf(bytes(`body ${i % 60}`))),
    );
    const failing = [
      bytes("a"),
      new ReadableStream<Uint8Array>({ pull: (c) => c.error(new Error("gone")) }),
      bytes("b"),
    ];
    await expect(store.putBlobs(failing, { concurrency: 1 })).rejects.toThrow("gone");
  });

  it("of this machine are stored as they are", async () => {
    const folder = await mkdtemp(join(tmpdir(), "ashlar-artifact-"));
    try {
      const store = createArtifactStore({ objects: memoryObjectStore() });
      for (const content of [bytes("hello"), new Uint8Array(9 * 1024 * 1024).fill(1), bytes("")]) {
        await writeFile(join(folder, "f"), content);
        const expected = { digest: digestOf(content), size: content.byteLength, mediaType: "text/plain" };
        expect(await store.putFile(join(folder, "f"), { mediaType: "text/plain" })).toEqual(expected);
        expect(Buffer.compare(await toBytes(await store.getBlob(expected.digest)), content)).toBe(0);
      }
      await expect(store.putFile(join(folder, "none"))).rejects.toMatchObject({ code: "ENOENT" });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

it("content that comes and goes at every look is given up on, not looped over", async () => {
  const objects = memoryObjectStore();
  const taken = (key: string): Promise<never> =>
    Promise.reject(coreError("PRECONDITION_FAILED", { key, expected: "absent", actual: "it exists" }));
  const store = createArtifactStore({ objects: { ...objects, put: taken } });
  await expect(store.putBlob(bytes("x"))).rejects.toMatchObject({ code: "ARTIFACT_CONTENDED", retryable: true });
});

describe("leftovers", () => {
  it("of a dead process are swept once they are older than the lease, younger ones are kept", async () => {
    const objects = memoryObjectStore();
    await objects.put("incoming/old", bytes("half"));
    const options = { objects, incomingLeaseMs: 1000 };
    const at = (ms: number): typeof systemClock => ({ ...systemClock, now: () => Date.now() + ms });
    const long = (): ReadableStream<Uint8Array> => toStream(new Uint8Array(9 * 1024 * 1024));
    await createArtifactStore({ ...options, clock: at(0) }).putBlob(long());
    expect(await objects.head("incoming/old")).toBeDefined();
    const { digest } = await createArtifactStore({ ...options, clock: at(60_000) }).putBlob(long());
    expect(await objects.head("incoming/old")).toBeUndefined();
    expect(await createArtifactStore({ objects }).has(digest)).toBe(true);
    expect(() => createArtifactStore({ objects, incomingLeaseMs: 0 })).toThrow(
      expect.objectContaining({ code: "LEASE_INVALID" }),
    );
  });
});
