import { crc32 } from "node:zlib";
import { memoryObjectStore } from "@ashlar/core/memory";
import type { ObjectStore } from "@ashlar/core";
import { parquetMetadata } from "hyparquet";
import { describe, expect, it } from "vitest";
import { bitmapArray } from "../../test/bitmap-array.ts";
import { rowsOf, valuesOf } from "../../test/rows.ts";
import { duckdb } from "../parquet/duckdb.ts";
import { hyparquet } from "../parquet/hyparquet.ts";
import type { ParquetCodec } from "../parquet/port.ts";
import type { Action, AddFile, DeletionVectorDescriptor } from "./actions.ts";
import { batchFrom, type LakeTable, openLake } from "./index.ts";

/** A table of the numbers 0 to 199,999 in one file, of which another engine deletes some by a deletion vector. */
async function withDeleted(
  codec: ParquetCodec,
  deleted: readonly number[],
): Promise<{ readonly objects: ObjectStore; readonly table: LakeTable; readonly vector: DeletionVectorDescriptor }> {
  const objects = memoryObjectStore();
  const table = await openLake({ objects, codec }).table("t");
  await table.append(batchFrom({ n: ["long", Array.from({ length: 200_000 }, (_, i) => BigInt(i))] }));
  const vector = await putVector(objects, "1".repeat(20), deleted);
  await replaceVector(objects, 1, undefined, vector);
  return { objects, table: await openLake({ objects, codec }).table("t"), vector };
}

const uuidOfOnes = (text: string): string => {
  let value = 0;
  for (const digit of text.slice(0, 5)) value = value * 85 + Number(digit);
  const group = value.toString(16).padStart(8, "0");
  return group.repeat(4).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
};

async function putVector(
  objects: ObjectStore,
  name: string,
  rows: readonly number[],
): Promise<DeletionVectorDescriptor> {
  const bitmap = bitmapArray(rows, true);
  const bytes = new Uint8Array(1 + 4 + bitmap.length + 4);
  const view = new DataView(bytes.buffer);
  bytes[0] = 1;
  view.setUint32(1, bitmap.length);
  bytes.set(bitmap, 5);
  view.setUint32(5 + bitmap.length, crc32(bitmap));
  await objects.put(`t/deletion_vector_${uuidOfOnes(name)}.bin`, bytes);
  return { storageType: "u", pathOrInlineDv: name, offset: 1, sizeInBytes: bitmap.length, cardinality: rows.length };
}

async function replaceVector(
  objects: ObjectStore,
  version: number,
  from: DeletionVectorDescriptor | undefined,
  to: DeletionVectorDescriptor,
): Promise<void> {
  const entry = (number: number): string => `t/_delta_log/${String(number).padStart(20, "0")}.json`;
  const lines = new TextDecoder()
    .decode(await (await objects.get(entry(0))).bytes())
    .trim()
    .split("\n");
  const add = lines.map((line) => JSON.parse(line) as Action).find((action) => action.add)?.add as AddFile;
  const { path, partitionValues, size } = add;
  const old = from === undefined ? {} : { deletionVector: from };
  const actions: Action[] = [
    { remove: { path, partitionValues, size, dataChange: true, deletionTimestamp: 1, ...old } },
    { add: { ...add, deletionVector: to } },
  ];
  const text = actions.map((action) => JSON.stringify(action)).join("\n");
  await objects.put(entry(version), new TextEncoder().encode(text));
}

describe.each([
  ["hyparquet", hyparquet],
  ["duckdb", duckdb],
])("a table with deletion vectors, read with %s", (_, codecOf) => {
  const deleted = [0, 5, ...Array.from({ length: 1000 }, (_unused, i) => 122_000 + i), 199_999];

  it("hides the deleted rows, whatever is asked", async () => {
    await using codec = codecOf();
    const { table } = await withDeleted(codec, deleted);
    expect((await table.snapshot()).rows).toBe(200_000 - deleted.length);
    const found = await valuesOf(table.scan(), "n");
    const gone = new Set(deleted);
    const expected = Array.from({ length: 200_000 }, (_unused, i) => i).filter((n) => !gone.has(n));
    expect(found.length).toBe(expected.length);
    expect(found.every((value, index) => Number(value) === expected[index])).toBe(true);
    const where = { n: { gte: 121_999, lt: 123_001 } };
    expect(await rowsOf(table.scan({ where }))).toEqual([{ n: 121_999n }, { n: 123_000n }]);
    expect(await rowsOf(table.at(0).scan({ where: { n: 5 } }))).toHaveLength(1);
    expect(await table.localFiles()).toBeUndefined();
  });

  it("writes files without them where it writes anew", async () => {
    await using codec = codecOf();
    const { table } = await withDeleted(codec, deleted);
    const counts = { deleted: 1, copied: 200_000 - deleted.length - 1 };
    expect(await table.delete({ where: { n: { lte: 1 } } })).toMatchObject(counts);
    expect((await table.snapshot()).files).toHaveLength(1);
    expect(await rowsOf(table.scan({ where: { n: { lt: 4 } } }))).toEqual([{ n: 2n }, { n: 3n }]);
    await table.restore({ version: 1 });
    expect(await table.optimize()).toMatchObject({ filesRemoved: 1, filesAdded: 1 });
    expect(await table.optimize()).toMatchObject({ filesRemoved: 0 });
    expect((await table.snapshot()).rows).toBe(200_000 - deleted.length);
  });
});

describe("changes by deletion vectors", () => {
  it("are the rows that one vector has and the other has not", async () => {
    const { objects, table, vector } = await withDeleted(hyparquet(), [3, 4]);
    await replaceVector(objects, 2, vector, await putVector(objects, "2".repeat(20), [4, 9]));
    const changed = async (version: number): Promise<unknown[]> =>
      (await rowsOf(table.changes({ from: version, to: version }))).map((row) => [row["_change_type"], row["n"]]);
    expect(await changed(1)).toEqual([
      ["delete", 3n],
      ["delete", 4n],
    ]);
    expect(await changed(2)).toEqual([
      ["delete", 9n],
      ["insert", 3n],
    ]);
  });
});

describe.each([
  ["hyparquet", hyparquet],
  ["duckdb", duckdb],
])("a table whose columns are mapped, with %s", (_, codecOf) => {
  it("is written and read by physical names and ids", async () => {
    await using codec = codecOf();
    const objects = memoryObjectStore();
    const fields = ["n", "part"].map((name, i) => ({
      name,
      type: i === 0 ? "long" : "string",
      nullable: true,
      metadata: { "delta.columnMapping.id": i + 1, "delta.columnMapping.physicalName": `col-${name}` },
    }));
    const metaData = {
      id: "t",
      format: { provider: "parquet", options: {} },
      schemaString: JSON.stringify({ type: "struct", fields }),
      partitionColumns: ["part"],
      configuration: { "delta.columnMapping.mode": "name" },
    };
    const lines = [{ protocol: { minReaderVersion: 1, minWriterVersion: 2 } }, { metaData }];
    const text = lines.map((action) => JSON.stringify(action)).join("\n");
    await objects.put("t/_delta_log/00000000000000000000.json", new TextEncoder().encode(text));
    const table = await openLake({ objects, codec }).table("t");
    await table.append(batchFrom({ n: ["long", [1n, 2n, 3n]], part: ["string", ["a", "b", "b"]] }));
    await table.append(batchFrom({ n: ["long", [30n]], part: ["string", ["b"]] }));
    expect(await rowsOf(table.scan({ where: { n: { gte: 30 } } }))).toEqual([{ n: 30n, part: "b" }]);
    expect(await table.delete({ where: { part: "b", n: 2 } })).toMatchObject({
      deleted: 1,
      copied: 1,
      filesRemoved: 1,
    });
    expect(await table.update({ where: { n: 3 }, set: { part: "a" } })).toMatchObject({ updated: 1 });
    expect(await valuesOf(table.scan({ where: { part: "a" } }), "n")).toEqual([1n, 3n]);
    expect(await valuesOf(table.scan(), "n")).toEqual([1n, 3n, 30n]);
    const [file] = (await table.snapshot()).files;
    expect(Object.keys(file?.partition ?? {})).toEqual(["col-part"]);
    const bytes = await (await objects.get(file?.key ?? "")).bytes();
    const { schema } = parquetMetadata(new Uint8Array(bytes).buffer);
    expect(schema[1]).toMatchObject({ name: "col-n", field_id: 1 });
    expect(await table.localFiles()).toBeUndefined();
  });
});
