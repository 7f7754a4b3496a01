import { memoryObjectStore } from "@ashlar/core/memory";
import {
  type Data,
  Field,
  FixedSizeList,
  Float32,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  tableFromIPC,
  tableToIPC,
  Table,
} from "apache-arrow";
import { describe, expect, it } from "vitest";
import { rowsOf } from "../../test/rows.ts";
import { duckdb } from "../parquet/duckdb.ts";
import { hyparquet } from "../parquet/hyparquet.ts";
import { batchFrom, openLake } from "./index.ts";

/** Five vectors of two numbers, the third null, the fourth with a null in it. */
function vectors(): RecordBatch {
  const item = new Field("item", new Float32(), true);
  const type = new FixedSizeList(2, item);
  const numbers = Float32Array.of(0, 0.5, 1, 1.5, 9, 9, 3, 3.5, 4, 4.5);
  const child = makeData({
    type: new Float32(),
    length: 10,
    data: numbers,
    nullCount: 1,
    nullBitmap: Uint8Array.of(0b0111_1111, 0b11),
  });
  const lists = makeData({ type, length: 5, nullCount: 1, nullBitmap: Uint8Array.of(0b11011), child });
  const schema = new Schema([new Field("v", type, true)]);
  return new RecordBatch(
    schema,
    makeData({ type: new Struct(schema.fields), length: 5, nullCount: 0, children: [lists] }),
  );
}

const wanted = [[0, 0.5], [1, 1.5], null, [3, null], [4, 4.5]];

describe.each([
  ["hyparquet", hyparquet],
  ["duckdb", duckdb],
])("lists of one length, written by %s", (_, codec) => {
  it.each([
    ["as they were made", (batch: RecordBatch) => [batch], [0, 1, 2, 3, 4]],
    ["after IPC", (batch: RecordBatch) => tableFromIPC(tableToIPC(new Table(batch))).batches, [0, 1, 2, 3, 4]],
    ["in slices", (batch: RecordBatch) => [batch.slice(0, 2), batch.slice(2, 5)], [0, 1, 2, 3, 4]],
    ["in a slice of a slice", (batch: RecordBatch) => [batch.slice(1, 5).slice(1, 4)], [2, 3, 4]],
  ])("are arrays in the table, %s", async (__, rows, kept) => {
    const table = await openLake({ objects: memoryObjectStore(), codec: codec() }).table("t");
    await table.append(rows(vectors()));
    const found = (await rowsOf(table.scan())).map((row) => listOf(row["v"]));
    expect(found).toEqual(kept.map((row) => wanted[row]));
    const { schema } = await table.snapshot();
    expect(String(schema.fields[0]?.type)).toBe("List<Float32>");
  });
});

it("finds lists of one length within others, and takes another length into the same column", async () => {
  const table = await openLake({ objects: memoryObjectStore(), codec: hyparquet() }).table("t");
  const inner = vectors().data.children[0] as Data;
  const struct = new Struct([new Field("v", inner.type, true)]);
  const nested = makeData({ type: struct, length: 5, nullCount: 0, children: [inner] });
  const schema = new Schema([new Field("s", struct, true)]);
  const rows = makeData({ type: new Struct(schema.fields), length: 5, nullCount: 0, children: [nested] });
  await table.append(new RecordBatch(schema, rows));
  const array = { type: "array", elementType: "float", containsNull: true } as const;
  const columnType = { type: "struct", fields: [{ name: "v", type: array, nullable: true, metadata: {} }] } as const;
  await table.append(batchFrom({ s: [columnType, [{ v: [1, 2, 3] }]] }));
  const found = (await rowsOf(table.scan())).map((row) => listOf((row["s"] as { v: unknown }).v));
  expect(found).toEqual([...wanted, [1, 2, 3]]);
});

it("refuses a list that has fewer values than its length says", async () => {
  const table = await openLake({ objects: memoryObjectStore(), codec: hyparquet() }).table("t");
  const type = new FixedSizeList(3, new Field("item", new Float32(), true));
  const child = makeData({ type: new Float32(), length: 4, nullCount: 0, data: new Float32Array(4) });
  const schema = new Schema([new Field("v", type, true)]);
  const lists = makeData({ type, length: 2, nullCount: 0, child });
  const rows = makeData({ type: new Struct(schema.fields), length: 2, nullCount: 0, children: [lists] });
  await expect(table.append(new RecordBatch(schema, rows))).rejects.toMatchObject({ code: "VALUE_INVALID" });
});

const listOf = (value: unknown): unknown =>
  value === null ? null : Array.from(value as Iterable<number | null>, (each) => each);
