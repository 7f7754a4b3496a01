import { type GetOptions, type ObjectStore, resolveRange, toBytes } from "@ashlar/core";
import { memoryObjectStore } from "@ashlar/core/memory";
import { describeObjectStore, describeSeekableCipher } from "@ashlar/core/testing";
import { describe, expect, it } from "vitest";
import { headerBytes, SegmentedCipher, segmentBytes, tagBytes } from "../../test/segmented-cipher.ts";
import { encrypted } from "./encrypted.ts";

const kibibyte = 1024;

describeSeekableCipher("the cipher of these tests", { create: () => new SegmentedCipher() });
describeObjectStore("encrypted", {
  create: () => encrypted(memoryObjectStore(), { cipher: new SegmentedCipher() }),
  capabilities: { conditionalPut: true, rangeRead: true },
});

/** Counts what is asked of a store. */
function counting(objects: ObjectStore): ObjectStore & { bytes: number; gets: number } {
  const counted = {
    ...objects,
    bytes: 0,
    gets: 0,
    async get(key: string, options: GetOptions = {}) {
      const object = await objects.get(key, options);
      const { start, end } = resolveRange(key, object.info.size, options.range);
      counted.gets += 1;
      counted.bytes += end - start;
      return object;
    },
  };
  return counted;
}

/** One object of a gibibyte that is sealed, segment by segment, when it is read. */
function gibibyteObject(cipher: SegmentedCipher): ObjectStore {
  const segments = 2 ** 30 / segmentBytes;
  const { header, seal } = cipher.begin({ key: "big" });
  const sealedBytes = segmentBytes + tagBytes;
  const info = { key: "big", size: headerBytes + segments * sealedBytes, etag: '"1"', lastModified: 0 };
  const plaintext = (index: number): Uint8Array => new Uint8Array(segmentBytes).fill(index & 0xff);
  const byteRange = (start: number, end: number): Uint8Array => {
    const first = Math.max(0, Math.floor((start - headerBytes) / sealedBytes));
    const final = Math.max(first, Math.floor((end - 1 - headerBytes) / sealedBytes));
    const parts = [header];
    for (let n = first; n <= final; n++) parts.push(seal(n, n === segments - 1, plaintext(n)));
    const joined = Buffer.concat(parts);
    const offset = first * sealedBytes;
    return start < headerBytes ? joined.subarray(start, end) : joined.subarray(start - offset, end - offset);
  };
  return {
    ...memoryObjectStore(),
    async get(key, options = {}) {
      const { start, end } = resolveRange(key, info.size, options.range);
      const content = byteRange(start, end);
      return { info, bytes: async () => content, stream: () => new Blob([new Uint8Array(content)]).stream() };
    },
  };
}

describe("a range of an encrypted object", () => {
  it("touches at most two segments of a gibibyte for 64 KiB, and then nothing else", async () => {
    const cipher = new SegmentedCipher();
    const objects = counting(gibibyteObject(cipher));
    const store = encrypted(objects, { cipher });
    const twoSegments = 2 * (segmentBytes + tagBytes);
    for (const [start, gets, beginning] of [
      [500_000_000, 2, kibibyte],
      [999_999_999, 1, 0],
      [2 ** 30 - 64 * kibibyte, 1, 0],
    ] as const) {
      objects.bytes = objects.gets = 0;
      const object = await store.get("big", { range: { start, end: start + 64 * kibibyte } });
      const bytes = await object.bytes();
      expect(object.info.size).toBe(2 ** 30);
      expect(bytes.byteLength).toBe(64 * kibibyte);
      expect(bytes[0]).toBe(Math.floor(start / segmentBytes) & 0xff);
      expect(objects.bytes).toBeLessThanOrEqual(beginning + twoSegments);
      expect(objects.gets).toBe(gets);
    }
  });

  it("is refused when the object was cut, moved, or spliced from two", async () => {
    const objects = memoryObjectStore();
    const store = encrypted(objects, { cipher: new SegmentedCipher() });
    const plaintext = new Uint8Array(300_000).fill(7);
    await store.put("a", plaintext);
    await store.put("b", plaintext);
    const [a, b] = [await (await objects.get("a")).bytes(), await (await objects.get("b")).bytes()];
    const read = async (start: number, end?: number): Promise<Uint8Array> =>
      (await store.get("c", { range: { start, ...(end === undefined ? {} : { end }) } })).bytes();
    const refused = { code: "DECRYPTION_FAILED" };
    await objects.put("c", a);
    await expect(read(0, 10)).rejects.toMatchObject(refused);

    const whole = encrypted(objects, { cipher: new SegmentedCipher() });
    await whole.put("c", plaintext);
    await expect(read(0, 10)).rejects.toMatchObject(refused);

    await store.put("c", plaintext);
    const c = await (await objects.get("c")).bytes();
    const segments = 2 * (segmentBytes + tagBytes) + headerBytes;
    await objects.put("c", c.subarray(0, segments));
    await expect(read(100_000)).rejects.toMatchObject(refused);
    await expect(read(70_000, 131_072)).rejects.toMatchObject(refused);
    await expect(read(200_000, 200_010)).rejects.toMatchObject(refused);
    await expect(store.get("c").then((object) => object.bytes())).rejects.toMatchObject(refused);
    expect(await read(0, 10)).toEqual(plaintext.subarray(0, 10));

    await objects.put("c", Buffer.concat([c.subarray(0, segments), b.subarray(segments)]));
    await expect(read(150_000, 150_010)).rejects.toMatchObject(refused);
  });

  it("gives one version while the object is replaced between its two reads", async () => {
    const objects = memoryObjectStore();
    const cipher = new SegmentedCipher();
    const store = encrypted(objects, { cipher });
    const other = encrypted(objects, { cipher });
    for (let n = 0; n < 20; n++) {
      await other.put("k", new Uint8Array(100_000 - n * 4000).fill(n));
      const part = await store.get("k", { range: { start: 10, end: 90_000 } });
      const bytes = await part.bytes();
      expect(bytes.every((byte) => byte === n)).toBe(true);
      expect(part.info.size).toBe(100_000 - n * 4000);
    }
    const restless: ObjectStore = {
      ...objects,
      async get(key, options) {
        await other.put("k", new Uint8Array(100_000));
        return objects.get(key, options);
      },
    };
    const read = encrypted(restless, { cipher }).get("k", { range: { start: 80_000 } });
    await expect(read).rejects.toMatchObject({ code: "OBJECT_REPLACED", retryable: true });
  });

  it("never answers from what it remembers of an object", async () => {
    const objects = memoryObjectStore();
    const cipher = new SegmentedCipher();
    const store = encrypted(objects, { cipher });
    const other = encrypted(objects, { cipher });
    await store.put("k", new Uint8Array(10).fill(1));
    const read = async (range: { start: number; end?: number }) => (await store.get("k", { range })).bytes();
    expect(await read({ start: 0 })).toEqual(new Uint8Array(10).fill(1));
    await other.put("k", new Uint8Array(20).fill(2));
    expect(await read({ start: 0 })).toEqual(new Uint8Array(20).fill(2));
    await other.put("k", new Uint8Array(30).fill(3));
    expect((await store.get("k", { range: { start: 5, end: 5 } })).info.size).toBe(30);
    await other.delete("k");
    await expect(read({ start: 0 })).rejects.toMatchObject({ code: "OBJECT_NOT_FOUND" });
    await other.put("k", new Uint8Array(40));
    expect(await read({ start: 35 })).toHaveLength(5);
    await other.delete("k");
    await expect(read({ start: 3, end: 3 })).rejects.toMatchObject({ code: "OBJECT_NOT_FOUND" });
  });

  it("lists plaintext sizes, and what is no ciphertext too", async () => {
    const objects = memoryObjectStore();
    const store = encrypted(objects, { cipher: new SegmentedCipher() });
    for (let n = 0; n < 30; n++) await store.put(`k/${String(n).padStart(2, "0")}`, new Uint8Array(n * 10_000));
    await objects.put("k/stray", new Uint8Array(5));
    const sizes: number[] = [];
    for await (const { size } of store.list("k/")) sizes.push(size);
    expect(sizes).toEqual([...Array.from({ length: 30 }, (_, n) => n * 10_000), 5]);
    await expect(toBytes((await store.get("k/29")).stream())).resolves.toHaveLength(290_000);
    await expect(store.get("k/stray")).rejects.toMatchObject({ code: "DECRYPTION_FAILED" });
  });
});
