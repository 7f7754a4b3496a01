import { toBytes } from "@ashlar/core";
import { manualClock, memoryObjectStore } from "@ashlar/core/memory";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ArtifactStore, createArtifactStore } from "../artifact/index.ts";
import { openLake } from "../lake/index.ts";
import { hyparquet } from "../parquet/hyparquet.ts";
import { type BlobInfo, type BlobInput, type BlobTable, openBlobTable } from "./index.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const now = 1_000_000_000_000;

interface World {
  readonly artifacts: ArtifactStore;
  readonly blobs: BlobTable;
  open(): Promise<BlobTable>;
}

async function world(): Promise<World> {
  const clock = manualClock(now);
  const artifacts = createArtifactStore({ objects: memoryObjectStore() });
  const lake = openLake({ objects: memoryObjectStore(), codec: hyparquet() });
  const open = (): Promise<BlobTable> => openBlobTable({ lake, name: "files", artifacts, clock });
  return { artifacts, blobs: await open(), open };
}

async function pathsOf(blobs: AsyncIterable<BlobInfo>): Promise<string[]> {
  const paths: string[] = [];
  for await (const { path } of blobs) paths.push(path);
  return paths.sort();
}

const textOf = async (table: BlobTable, path: string, version?: number): Promise<string> => {
  const blob = await table.get(path, version === undefined ? {} : { version });
  return new TextDecoder().decode(await toBytes(await blob.stream()));
};

describe("a blob table", () => {
  it("keeps bytes and what is known of them, and gives both back", async () => {
    const { blobs, artifacts } = await world();
    const body = new Blob(["hello"]).stream();
    const { blobs: put } = await blobs.put({
      path: "a/1.txt",
      body,
      mediaType: "text/plain",
      metadata: { by: ["ä", 1] },
    });
    const digest = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    const location = await artifacts.locate(digest);
    const info = { path: "a/1.txt", digest, size: 5, mediaType: "text/plain", location, modified: now };
    expect(put).toEqual([{ ...info, metadata: { by: ["ä", 1] } }]);
    expect(await blobs.stat("a/1.txt")).toEqual(put[0]);
    expect(await textOf(blobs, "a/1.txt")).toBe("hello");
    await expect(blobs.get("a/2.txt")).rejects.toMatchObject({ code: "BLOB_NOT_FOUND" });
    await expect(artifacts.locate(digest.replace("2c", "00"))).rejects.toMatchObject({ code: "ARTIFACT_NOT_FOUND" });
  });

  it("puts many as one version, over those of the same path, and keeps the older version", async () => {
    const { blobs } = await world();
    const first = await blobs.put(["a", "b"].map((path) => ({ path, body: bytes(path) })));
    const second = await blobs.put(["b", "c"].map((path) => ({ path, body: bytes(`${path}2`) })));
    expect([first.version, second.version]).toEqual([1, 2]);
    expect([await textOf(blobs, "b"), await textOf(blobs, "b", 1)]).toEqual(["b2", "b"]);
    expect(await blobs.delete(["a", "c", "none"])).toMatchObject({ deleted: 2 });
    expect(await blobs.delete({ where: { size: { gt: 9 } } })).toMatchObject({ deleted: 0 });
    expect([await pathsOf(blobs.list()), await pathsOf(blobs.list({ version: 2 }))]).toEqual([["b"], ["a", "b", "c"]]);
  });

  it("lists by prefix and by what is known", async () => {
    const { blobs } = await world();
    const paths = ["a/1", "a/2", "ab", "b", "a0", "a\u{10ffff}x", "a\u{10ffff}"];
    await blobs.put(paths.map((path, i) => ({ path, body: bytes("x".repeat(i)), metadata: { i } })));
    const found = (prefix: string): Promise<string[]> => pathsOf(blobs.list({ prefix }));
    expect(await found("a/")).toEqual(["a/1", "a/2"]);
    expect(await found("a\u{10ffff}")).toEqual(["a\u{10ffff}", "a\u{10ffff}x"]);
    expect(await pathsOf(blobs.list({ prefix: "a", where: { metadata: { at: { "/i": { gte: 2 } } } } }))).toHaveLength(
      4,
    );
    expect(await pathsOf(blobs.list({ where: { size: { lt: 2 } } }))).toEqual(["a/1", "a/2"]);
  });

  it("lets racing writers of one path both succeed: one row is left", async () => {
    const { blobs, open } = await world();
    const { version } = await blobs.table.snapshot();
    await open();
    expect((await blobs.table.snapshot()).version).toBe(version);
    const tables = [blobs, await open(), await open()];
    await Promise.all(tables.map((table, i) => table.put({ path: "one", body: bytes(String(i)) })));
    expect(await pathsOf(blobs.list())).toEqual(["one"]);
    expect(["0", "1", "2"]).toContain(await textOf(blobs, "one"));
  });

  it.each<[string, Partial<BlobInput>]>([
    ["path", { path: "../a" }],
    ["path", { path: "/a" }],
    ["path", { path: "a\0b" }],
    ["path", { path: "" }],
    ["path", { path: "a".repeat(1025) }],
    ["mediaType", { mediaType: "text" }],
    ["mediaType", { mediaType: "text/plain\r\nx: y" }],
    ["metadata", { metadata: [] as never }],
    ["metadata", { metadata: { big: 1n } }],
  ])("refuses a bad %s by name, and commits nothing", async (field, given) => {
    const { blobs } = await world();
    const put = blobs.put([
      { path: "good", body: bytes("x") },
      { path: "bad", body: bytes("x"), ...given },
    ]);
    await expect(put).rejects.toMatchObject({ code: "BLOB_INVALID", details: { field } });
    expect(await pathsOf(blobs.list())).toEqual([]);
  });

  it("refuses one path twice in a put", async () => {
    const { blobs } = await world();
    const twice = ["a", "a"].map((path) => ({ path, body: bytes("x") }));
    await expect(blobs.put(twice)).rejects.toMatchObject({ code: "BLOB_INVALID" });
  });

  it("names the digests of all versions it keeps, and of no others", async () => {
    const { blobs } = await world();
    const digestsOf = async (keep?: number): Promise<Set<string>> => {
      const digests = new Set<string>();
      for await (const digest of blobs.digests(keep === undefined ? {} : { keep })) digests.add(digest);
      return digests;
    };
    expect(await digestsOf()).toEqual(new Set());
    const put = async (text: string): Promise<string> => {
      const { blobs: rows } = await blobs.put({ path: "p", body: bytes(text) });
      return rows[0]?.digest ?? "";
    };
    const all = [await put("1"), await put("2"), await put("3")];
    await blobs.delete("p");
    expect(await digestsOf()).toEqual(new Set(all));
    // A negative time to keep is a moment after the last commit, whose version names nothing.
    expect(await digestsOf(now - 2 * Date.now())).toEqual(new Set());
  });

  it("finds by any prefix what begins with it", async () => {
    const { blobs } = await world();
    const text = fc
      .string({ unit: "grapheme", minLength: 1, maxLength: 4 })
      .map((each) => each.replace(/[\\/.:\p{Cc}]/gu, "-"));
    const paths = [...new Set(fc.sample(text, 60))];
    await blobs.put(paths.map((path) => ({ path, body: bytes("") })));
    for (const prefix of fc.sample(text, 30).concat(paths.map((path) => path.slice(0, 1)))) {
      if (!prefix.isWellFormed()) continue;
      expect(await pathsOf(blobs.list({ prefix }))).toEqual(paths.filter((path) => path.startsWith(prefix)).sort());
    }
  });
});
