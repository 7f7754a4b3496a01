import { crc32 } from "node:zlib";
import { memoryObjectStore } from "@ashlar/core/memory";
import type { ObjectStore } from "@ashlar/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DeletionVectorDescriptor } from "./actions.ts";
import { readDeletionVector } from "./deletion-vector.ts";
import { bitmapArray } from "../../test/bitmap-array.ts";
import { readBitmapArray } from "./roaring-bitmap.ts";
import { decodeZ85 } from "./z85.ts";

const owner = { table: "t", version: 3, file: "t/part-0.parquet" };
const read = (vector: DeletionVectorDescriptor, objects: ObjectStore = memoryObjectStore()): Promise<unknown> =>
  readDeletionVector(objects, owner, vector);

/** Example 3 of the protocol, in the native form that its text was made with. */
const native: DeletionVectorDescriptor = {
  storageType: "i",
  pathOrInlineDv: "wi5b=000010000siXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L",
  sizeInBytes: 40,
  cardinality: 6,
};
/** Written by Delta for Spark, in the portable form. */
const portable: DeletionVectorDescriptor = {
  storageType: "i",
  pathOrInlineDv: "^Bg9^0rr910000000000iXQKl0rr91000625c8Xg0rri41POJ5",
  sizeInBytes: 38,
  cardinality: 3,
};

describe("z85", () => {
  it("decodes the example of its specification, and nothing else", () => {
    expect(decodeZ85("HelloWorld")).toEqual(Uint8Array.from([0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b]));
    for (const text of ["Hell", "He lo", "#####", "ä1234"]) expect(decodeZ85(text)).toBeUndefined();
  });
});

describe("inline vectors", () => {
  it("are read in both forms", async () => {
    expect(await read(native)).toEqual([3, 4, 7, 11, 18, 29]);
    expect(await read(portable)).toHaveLength(3);
  });

  it("are held to what the log says of them", async () => {
    const corrupt = { code: "DATA_FILE_CORRUPT", details: { file: owner.file } };
    await expect(read({ ...native, cardinality: 5 })).rejects.toMatchObject(corrupt);
    await expect(read({ ...native, cardinality: 7 })).rejects.toMatchObject(corrupt);
    await expect(read({ ...native, sizeInBytes: 39 })).rejects.toMatchObject(corrupt);
    await expect(read({ ...native, pathOrInlineDv: "~~~~~" })).rejects.toMatchObject(corrupt);
  });
});

describe("bitmaps", () => {
  const problemOf = (bytes: Uint8Array): Error | undefined => {
    try {
      return readBitmapArray(bytes, 6003).length > 6003 ? new RangeError("too many") : undefined;
    } catch (error) {
      return error as Error;
    }
  };

  it("give back any set of rows: arrays, bits and runs", () => {
    const rows = fc.uniqueArray(fc.oneof(fc.nat(200_000), fc.nat(2 ** 33)), { maxLength: 300 });
    const run = fc.tuple(fc.nat(300_000), fc.nat(70_000)).map(([start, length]) => ({ start, length }));
    fc.assert(
      fc.property(
        rows,
        fc.option(run, { nil: undefined }),
        fc.boolean(),
        (some, { start, length } = { start: 0, length: 0 }, runs) => {
          const all = new Set([...some, ...Array.from({ length }, (_, i) => start + i)]);
          const sorted = [...all].sort((a, b) => a - b);
          expect(readBitmapArray(bitmapArray(sorted, runs), sorted.length)).toEqual(sorted);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("end in a named error when they are altered, or give rows", () => {
    const bytes = bitmapArray([1, 5, 70_000, ...Array.from({ length: 6000 }, (_, i) => 200_000 + i)], true);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), fc.nat(bytes.length), (at, value, length) => {
        const altered = bytes.slice(0, length);
        altered[at] = value;
        expect(["BitmapError", undefined]).toContain(problemOf(altered)?.constructor.name);
      }),
    );
  });
});

describe("stored vectors", () => {
  const uuidPath: DeletionVectorDescriptor = {
    storageType: "u",
    pathOrInlineDv: "ab^-aqEH.-t@S}K{vb[*k^",
    offset: 1,
    sizeInBytes: 0,
    cardinality: 2,
  };
  const key = "t/ab/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin";
  const stored = async (
    alter: (bytes: Uint8Array) => void = () => undefined,
  ): Promise<[ObjectStore, DeletionVectorDescriptor]> => {
    const bitmap = bitmapArray([2, 9], false);
    const bytes = new Uint8Array(1 + 4 + bitmap.length + 4);
    const view = new DataView(bytes.buffer);
    bytes[0] = 1;
    view.setUint32(1, bitmap.length);
    bytes.set(bitmap, 5);
    view.setUint32(5 + bitmap.length, crc32(bitmap));
    alter(bytes);
    const objects = memoryObjectStore();
    await objects.put(key, bytes);
    return [objects, { ...uuidPath, sizeInBytes: bitmap.length }];
  };

  it("are found by their UUID and read at their offset", async () => {
    const [objects, vector] = await stored();
    expect(await read(vector, objects)).toEqual([2, 9]);
    const whole: ObjectStore = { ...objects, capabilities: { conditionalPut: true, rangeRead: false } };
    expect(await read(vector, whole)).toEqual([2, 9]);
  });

  it("name a checksum that does not hold, and a file that is gone", async () => {
    const [objects, vector] = await stored((bytes) => (bytes[20] = (bytes[20] ?? 0) ^ 1));
    await expect(read(vector, objects)).rejects.toMatchObject({ code: "DATA_FILE_CORRUPT", details: { file: key } });
    const beyond = { ...vector, offset: 100 };
    await expect(read(beyond, objects)).rejects.toMatchObject({ code: "DATA_FILE_CORRUPT", details: { file: key } });
    await expect(read(vector)).rejects.toMatchObject({ code: "DATA_FILE_MISSING", details: { file: key } });
  });

  it("are refused outside of the table", async () => {
    const [objects, vector] = await stored();
    const root = "/lake";
    const local = Object.assign(Object.create(objects) as ObjectStore, { pathOf: (name: string) => `${root}/${name}` });
    const absolute = (path: string): DeletionVectorDescriptor => ({
      ...vector,
      storageType: "p",
      pathOrInlineDv: path,
    });
    expect(await read(absolute(`file:///lake/${key}`), local)).toEqual([2, 9]);
    expect(await read(absolute(`${root}/${key}`), local)).toEqual([2, 9]);
    const outside = { code: "FILE_OUTSIDE", details: { table: "t" } };
    for (const path of ["/lake/t/../u/x.bin", "s3://other/x.bin", "/etc/passwd"]) {
      await expect(read(absolute(path), local)).rejects.toMatchObject(outside);
    }
    await expect(read(absolute(`${root}/${key}`), objects)).rejects.toMatchObject(outside);
    const hostile = { ...vector, pathOrInlineDv: `../x/${vector.pathOrInlineDv.slice(2)}` };
    await expect(read(hostile, objects)).rejects.toMatchObject({ code: "DATA_FILE_CORRUPT" });
  });
});
