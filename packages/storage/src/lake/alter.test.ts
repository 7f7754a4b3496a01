import { memoryObjectStore } from "@ashlar/core/memory";
import { Field, Float64, Int32, Schema, TimestampMicrosecond } from "apache-arrow";
import { describe, expect, it } from "vitest";
import { rowsOf } from "../../test/rows.ts";
import { hyparquet } from "../parquet/hyparquet.ts";
import { batchFrom, type LakeTable, openLake, type TableChanges } from "./index.ts";

const objects = memoryObjectStore();
const lake = openLake({ objects, codec: hyparquet() });
let tables = 0;
const filled = async (): Promise<LakeTable> => {
  const table = await lake.table(`t${(tables += 1)}`);
  await table.append(batchFrom({ n: ["integer", [1, 2]], s: ["string", ["a", null]] }));
  return table;
};
const logOf = async (table: LakeTable, version: number): Promise<Record<string, Record<string, unknown>>> => {
  const key = `${table.name}/_delta_log/${String(version).padStart(20, "0")}.json`;
  const text = new TextDecoder().decode(await (await objects.get(key)).bytes());
  return Object.assign(
    {},
    ...text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as object),
  ) as never;
};

describe("alter", () => {
  it("adds columns, which are null in the rows that are there", async () => {
    const table = await filled();
    await table.alter({ add: [new Field("x", new Float64(), true)] });
    await table.append(batchFrom({ n: ["integer", [3]], s: ["string", ["c"]], x: ["double", [0.5]] }));
    expect(await rowsOf(table.scan())).toEqual([
      { n: 1, s: "a", x: null },
      { n: 2, s: null, x: null },
      { n: 3, s: "c", x: 0.5 },
    ]);
  });

  it("renames and drops by column mapping: no file is written, and a dropped column does not come back", async () => {
    const table = await filled();
    const files = (await table.snapshot()).files.map(({ key }) => key);
    await table.alter({ rename: { from: "s", to: "label" } });
    expect((await table.snapshot()).files.map(({ key }) => key)).toEqual(files);
    const { protocol, metaData } = await logOf(table, 1);
    expect(protocol).toMatchObject({ minReaderVersion: 2, minWriterVersion: 7 });
    expect(protocol?.["writerFeatures"]).toContain("columnMapping");
    expect(metaData?.["configuration"]).toEqual({
      "delta.columnMapping.mode": "name",
      "delta.columnMapping.maxColumnId": "2",
    });
    await table.append(batchFrom({ n: ["integer", [3]], label: ["string", ["c"]] }));
    expect(await rowsOf(table.scan({ where: { label: "a" } }))).toEqual([{ n: 1, label: "a" }]);
    await table.alter({ drop: "label" });
    await table.alter({ add: [new Field("label", new Int32(), true)] });
    expect(await rowsOf(table.scan())).toEqual([1, 2, 3].map((n) => ({ n, label: null })));
    expect(await rowsOf(table.at(2).scan())).toContainEqual({ n: 3, label: "c" });
  });

  it("widens a type, and reads the narrower files as the wider one", async () => {
    const table = await filled();
    await table.alter({ widen: { column: "n", type: "long" } });
    await table.append(batchFrom({ n: ["long", [2n ** 40n]], s: ["string", ["c"]] }));
    expect((await rowsOf(table.scan({ where: { n: { gte: 2 } } }))).map(({ n }) => n)).toEqual([2n, 2n ** 40n]);
    const { protocol } = await logOf(table, 1);
    expect(protocol?.["readerFeatures"]).toEqual(["typeWidening"]);
  });

  it("sets properties, and writers heed them", async () => {
    const table = await filled();
    await table.alter({ properties: { "delta.appendOnly": true, team: "planning" } });
    await expect(table.delete({ where: { n: 1 } })).rejects.toMatchObject({ code: "TABLE_READ_ONLY" });
    await table.alter({ properties: { "delta.appendOnly": null } });
    await table.delete({ where: { n: 1 } });
    expect(await rowsOf(table.scan())).toHaveLength(1);
  });

  it("states the feature of a naive timestamp from the first version on", async () => {
    const schema = new Schema([new Field("at", new TimestampMicrosecond(), true)]);
    const table = await lake.table("naive", { schema });
    await table.append(batchFrom({ at: ["timestamp_ntz", [1n]] }));
    const { protocol } = await logOf(table, 0);
    expect(protocol).toMatchObject({ minReaderVersion: 3, minWriterVersion: 7, readerFeatures: ["timestampNtz"] });
    expect(await rowsOf(table.scan())).toEqual([{ at: 1n }]);
  });

  it.each([
    [{}, /nothing/],
    [{ add: [new Field("x", new Float64(), false)] }, /must be nullable/],
    [{ add: [new Field("N", new Float64(), true)] }, /letter case/],
    [{ rename: { from: "s", to: "n" } }, /there is a column/],
    [{ drop: ["n", "s"] }, /no column would be left/],
    [{ widen: { column: "n", type: "short" } }, /not keep every value/],
    [{ properties: { "delta.columnMapping.mode": "id" } }, /cannot be/],
    [{ properties: { "delta.checkpointInterval": "1e1" } }, /cannot be/],
    [{ properties: { "delta.logRetentionDuration": "7d" } }, /cannot be/],
    [{ properties: { "delta.deletedFileRetentionDuration": "interval 1.5 days" } }, /cannot be/],
    [{ properties: { "delta.enableRowTracking": "true" } }, /not one that this library can honour/],
  ] as readonly (readonly [TableChanges, RegExp])[])("refuses %j, and commits nothing", async (changes, reason) => {
    const table = await filled();
    await expect(table.alter(changes)).rejects.toMatchObject({
      code: "ALTER_INVALID",
      message: expect.stringMatching(reason) as string,
    });
    expect((await table.snapshot()).version).toBe(0);
  });

  it("names a column or table that is not there", async () => {
    const table = await filled();
    await expect(table.alter({ drop: "none" })).rejects.toMatchObject({ code: "COLUMN_UNKNOWN" });
    const absent = (await lake.table("absent")).alter({ properties: { a: "b" } });
    await expect(absent).rejects.toMatchObject({ code: "TABLE_NOT_FOUND" });
  });
});
