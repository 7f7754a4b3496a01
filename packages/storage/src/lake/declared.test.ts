import { memoryObjectStore } from "@ashlar/core/memory";
import { Dictionary, Field, Int32, Schema, TimestampSecond, Utf8 } from "apache-arrow";
import { describe, expect, it } from "vitest";
import { arrowField } from "../parquet/arrow-type.ts";
import type { ColumnType } from "../parquet/column-type.ts";
import { hyparquet } from "../parquet/hyparquet.ts";
import { batchFrom, type Lake, openLake } from "./index.ts";

/** A lake with the table `t` of one column `c`. */
async function lakeWith(type: ColumnType, nullable = true): Promise<Lake> {
  const lake = openLake({ objects: memoryObjectStore(), codec: hyparquet() });
  const table = await lake.table("t", { schema: new Schema([arrowField("c", type, nullable)]) });
  await table.append(batchFrom({ c: [type, []] }));
  return lake;
}
const declaring = (type: ColumnType, nullable = true) => ({ schema: new Schema([arrowField("c", type, nullable)]) });
const struct = (type: ColumnType, nullable = true): ColumnType => ({
  type: "struct",
  fields: [{ name: "x", type, nullable, metadata: {} }],
});
const list = (elementType: ColumnType, containsNull = true): ColumnType => ({
  type: "array",
  elementType,
  containsNull,
});
const map = (keyType: ColumnType, valueType: ColumnType): ColumnType => ({
  type: "map",
  keyType,
  valueType,
  valueContainsNull: true,
});

describe("a declared schema", () => {
  it.each([
    ["string", "long", '"c" is string, not long'],
    ["integer", "long", '"c" is integer, not long'],
    ["float", "double", '"c" is float, not double'],
    ["decimal(4,2)", "decimal(6,2)", '"c" is decimal(4,2), not decimal(6,2)'],
    ["timestamp_ntz", "timestamp", '"c" is timestamp_ntz, not timestamp'],
    [list("long"), "long", '"c" is array<long>, not long'],
    [struct("long"), struct("string"), '"c.x" is long, not string'],
    [list(struct("integer")), list(struct("long")), '"c.element.x" is integer, not long'],
    [map("string", "long"), map("integer", "long"), '"c.key" is string, not integer'],
    [map("string", "integer"), map("string", "long"), '"c.value" is integer, not long'],
  ] satisfies [ColumnType, ColumnType, string][])(
    "is refused where a table of %j is said to be %j",
    async (has, said, message) => {
      const lake = await lakeWith(has);
      await expect(lake.table("t", declaring(said))).rejects.toMatchObject({
        code: "SCHEMA_MISMATCH",
        message: expect.stringContaining(`${message} as declared: declare what the table has`) as string,
      });
    },
  );

  it.each([
    ["long", "long"],
    ["long", "integer"],
    ["double", "float"],
    ["decimal(6,2)", "decimal(4,2)"],
    ["timestamp", "timestamp_ntz"],
    ["timestamp_ntz", "date"],
    [list(struct("long")), list(struct("short"))],
    [map("string", "long"), map("string", "long")],
  ] satisfies [ColumnType, ColumnType][])(
    "may be as narrow as it likes: a table of %j, said to be %j",
    async (has, said) => {
      const lake = await lakeWith(has);
      expect(await lake.table("t", declaring(said))).toMatchObject({ name: "t" });
      expect(await lake.table("t", declaring(said, false))).toMatchObject({ name: "t" });
    },
  );

  it("is refused where it has nulls that the table has not", async () => {
    const strict = await lakeWith("long", false);
    await strict.table("t", declaring("long", false));
    const message = expect.stringMatching(/"c" is long and never null, but declared as long that may be null: declare/);
    await expect(strict.table("t", declaring("long"))).rejects.toMatchObject({ code: "SCHEMA_MISMATCH", message });
    const within = await lakeWith(list(struct("long", false)));
    await expect(within.table("t", declaring(list(struct("long"))))).rejects.toMatchObject({
      message: expect.stringContaining('"c.element.x" is long and never null') as string,
    });
  });

  it("is compared by what its Arrow types hold", async () => {
    const lake = openLake({ objects: memoryObjectStore(), codec: hyparquet() });
    await (await lake.table("t")).append(batchFrom({ s: ["string", ["a"]], at: ["timestamp", [1n]] }));
    const dictionary = new Field("s", new Dictionary(new Utf8(), new Int32()), true);
    const schema = new Schema([dictionary, new Field("at", new TimestampSecond(), true)]);
    expect(await lake.table("t", { schema })).toMatchObject({ name: "t" });
  });

  it("is compared by whole names, and so are partitions", async () => {
    const lake = openLake({ objects: memoryObjectStore(), codec: hyparquet() });
    const table = await lake.table("t", { partitionBy: ["a"] });
    await table.append(batchFrom({ a: ["long", [1n]], b: ["long", [1n]], c: ["long", [1n]] }));
    await table.alter({ rename: { from: "b", to: "b,c" }, drop: "c" });
    const three = new Schema(["a", "b", "c"].map((name) => arrowField(name, "long")));
    await expect(lake.table("t", { schema: three })).rejects.toMatchObject({ code: "SCHEMA_MISMATCH" });
    await table.alter({ rename: { from: "a", to: "a,d" } });
    await expect(lake.table("t", { partitionBy: ["a", "d"] })).rejects.toMatchObject({ code: "PARTITION_INVALID" });
    await lake.table("t", { partitionBy: ["a,d"] });
  });
});
