import { toBytes } from "@ashlar/core";
import { memoryObjectStore } from "@ashlar/core/memory";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { digestOf } from "./digest.ts";
import { type ArtifactStore, createArtifactStore, type Digest } from "./index.ts";
import { maxFiles } from "./manifest.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = async (body: ReadableStream<Uint8Array>): Promise<string> => new TextDecoder().decode(await toBytes(body));

async function withHello(): Promise<{
  store: ArtifactStore;
  digest: Digest;
  objects: ReturnType<typeof memoryObjectStore>;
}> {
  const objects = memoryObjectStore();
  const store = createArtifactStore({ objects });
  return { store, objects, digest: (await store.putBlob(bytes("hello"))).digest };
}

const keyOf = (digest: string): string => `manifests/sha256/${digest.slice(7, 9)}/${digest.slice(7)}`;

describe("a manifest", () => {
  it("has one text, down to the byte", async () => {
    const { store, objects, digest } = await withHello();
    const manifest = await store.putManifest({
      files: { "b/ä.json": { digest, size: 5, mediaType: "application/json" }, a: digest },
      annotations: { "10": "ten", "9": "nine", "": 'q"' },
    });
    const golden =
      '{"annotations":{"":"q\\"","10":"ten","9":"nine"},"files":[' +
      `{"digest":"${digest}","mediaType":"application/octet-stream","name":"a","size":5},` +
      `{"digest":"${digest}","mediaType":"application/json","name":"b/ä.json","size":5}],` +
      '"mediaType":"application/vnd.ashlar.manifest.v2+json","schemaVersion":2}';
    expect(await text((await objects.get(keyOf(manifest))).stream())).toBe(golden);
    expect(manifest).toBe("sha256:fbdd1bedf83986f43d440417aed282bbe899b6319180975b50e4ff2b41afc855");
  });

  it("has one digest whatever the order of its names, and is read as it was put", async () => {
    const { store, digest } = await withHello();
    const first = await store.putManifest({ files: { a: digest, "b/c": digest }, annotations: { x: "1" } });
    expect(await store.putManifest({ files: { "b/c": digest, a: digest }, annotations: { x: "1" } })).toBe(first);
    const file = { digest, size: 5, mediaType: "application/octet-stream" };
    expect(await store.getManifest(first)).toEqual({ files: { a: file, "b/c": file }, annotations: { x: "1" } });
    expect(await text(await store.getFile(first, "b/c"))).toBe("hello");
    expect(await text(await store.getFile(await store.getManifest(first), "a"))).toBe("hello");
    const missing = { code: "FILE_NOT_IN_MANIFEST", details: { name: "toString", known: 2 } };
    await expect(store.getFile(first, "toString")).rejects.toMatchObject(missing);
  });

  it("of the first schema version stays readable, with names of its day", async () => {
    const { store, objects, digest } = await withHello();
    const first = bytes(JSON.stringify({ files: [["aux.txt", digest]], annotations: [["x", "1"]] }));
    await objects.put(keyOf(digestOf(first)), first);
    expect(await store.getManifest(digestOf(first))).toEqual({
      files: { "aux.txt": { digest, mediaType: "application/octet-stream" } },
      annotations: { x: "1" },
    });
    expect(await text(await store.getFile(digestOf(first), "aux.txt"))).toBe("hello");
  });

  it("names blobs that are there, and a file whose size is another is not given out", async () => {
    const { store, digest } = await withHello();
    const absent = { files: { a: `sha256:${"0".repeat(64)}` as Digest } };
    await expect(store.putManifest(absent)).rejects.toMatchObject({ code: "ARTIFACT_NOT_FOUND" });
    for (const size of [4, 6]) {
      const wrong = await store.putManifest({ files: { a: { digest, size } } });
      await expect(text(await store.getFile(wrong, "a"))).rejects.toMatchObject({ code: "ARTIFACT_CORRUPT" });
    }
  });

  it.each([
    ["no JSON", "{"],
    ["another version", '{"annotations":{},"files":[],"schemaVersion":3}'],
    ["a name that leaves its folder", `{"files":[["../x","sha256:${"0".repeat(64)}"]],"annotations":[]}`],
    ["a name twice", duplicate()],
    ["a size that is none", duplicate().replaceAll('"size":1', '"size":-1')],
    ["null", "null"],
  ])("that is %s is damaged", async (_, damaged) => {
    const { store, objects } = await withHello();
    const digest = digestOf(bytes(damaged));
    await objects.put(keyOf(digest), bytes(damaged));
    await expect(store.getManifest(digest)).rejects.toMatchObject({ code: "ARTIFACT_CORRUPT" });
  });

  it.each([
    ["../x"],
    ["/x"],
    ["a//b"],
    ["a/"],
    ["a\0b"],
    ["a/.."],
    ["./a"],
    ["C:\\x"],
    ["c:x"],
    ["\\\\server\\share"],
    [""],
    ["a\nb"],
    ["a\ud800"],
    ["x".repeat(1025)],
    [`${"x".repeat(256)}/a`],
    ["NUL"],
    ["a/con.txt"],
    ["COM1 .log"],
    ["lpt³"],
    ["conin$"],
    ["a."],
    ["a /b"],
    ["file:stream"],
    ["what?"],
    ["a|b"],
  ])("refuses the name %j", async (name) => {
    const { store, digest } = await withHello();
    const manifest = { files: { [name]: digest } };
    await expect(store.putManifest(manifest)).rejects.toMatchObject({ code: "MANIFEST_INVALID", details: { name } });
  });

  it.each([[["Model", "model"]], [["straße", "STRASSE"]], [["a", "A/b"]], [["é", "e\u0301"]], [["Å", "\u212b"]]])(
    "refuses %j together",
    async (names) => {
      const { store, digest } = await withHello();
      const manifest = { files: Object.fromEntries(names.map((name) => [name, digest])) };
      await expect(store.putManifest(manifest)).rejects.toMatchObject({ code: "MANIFEST_INVALID" });
    },
  );

  it("refuses sizes, media types, annotations and digests that are none, and too many files", async () => {
    const { store, digest } = await withHello();
    const refused = { code: "MANIFEST_INVALID" };
    for (const file of [{ size: -1 }, { size: 0.5 }, { mediaType: "json" }, { mediaType: "a/b\nc" }]) {
      await expect(store.putManifest({ files: { a: { digest, size: 5, ...file } } })).rejects.toMatchObject(refused);
    }
    await expect(store.putManifest({ files: {}, annotations: { a: "\udc00" } })).rejects.toMatchObject(refused);
    const bad = { files: { a: "sha256:x" as Digest } };
    await expect(store.putManifest(bad)).rejects.toMatchObject({ code: "DIGEST_INVALID" });
    const many = Object.fromEntries(Array.from({ length: maxFiles + 1 }, (_, i) => [`f${i}`, digest]));
    await expect(store.putManifest({ files: many })).rejects.toMatchObject(refused);
  });
});

it("whatever names a manifest takes, it gives back as they were", async () => {
  const { store, digest } = await withHello();
  const names = fc.uniqueArray(
    fc.oneof(fc.string({ unit: "grapheme" }), fc.constantFrom("__proto__", "constructor", "1")),
  );
  const property = fc.asyncProperty(names, async (given) => {
    const files = Object.fromEntries(given.map((name) => [name, { digest, size: 5, mediaType: "text/plain" }]));
    const kept = store.putManifest({ files }).then(async (put) => (await store.getManifest(put)).files);
    const outcome = await kept.catch((error: unknown) => (error as { code: string }).code);
    expect([files, "MANIFEST_INVALID"]).toContainEqual(outcome);
  });
  await fc.assert(property, { numRuns: 200 });
});

function duplicate(): string {
  const file = { digest: `sha256:${"0".repeat(64)}`, mediaType: "a/b", name: "a", size: 1 };
  return JSON.stringify({ annotations: {}, files: [file, file], mediaType: "x/y", schemaVersion: 2 });
}
