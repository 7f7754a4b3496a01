import { systemClock, toBytes, toStream } from "@ashlar/core";
import { memoryObjectStore } from "@ashlar/core/memory";
import { describe, expect, it } from "vitest";
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
