import { memoryObjectStore } from "@ashlar/core/memory";
import { Field, Int64, Schema, Utf8 } from "apache-arrow";
import { describe, expect, it } from "vitest";
import { rowsOf } from "../../test/rows.ts";
import { hyparquet } from "../parquet/hyparquet.ts";
import { holds } from "./assign.ts";
import { batchFrom, type LakeTable, openLake } from "./index.ts";

const schema = new Schema([
  new Field("id", new Int64(), false),
  new Field("name", new Utf8(), true),
  new Field("part", new Utf8(), true),
]);
const open = async (): Promise<LakeTable> => {
  const lake = openLake({ objects: memoryObjectStore(), codec: hyparquet() });
  const table = await lake.table("t", { schema, partitionBy: ["part"] });
  await table.append(
    batchFrom({
      id: ["long", [1n, 2n, 3n]],
      name: ["string", ["a", null, "c"]],
      part: ["string", ["x", "x", "y"]],
    }),
  );
  return table;
};
const sorted = async (table: LakeTable): Promise<unknown[]> =>
  (await rowsOf(table.scan())).sort((a, b) => (String(a["id"]) < String(b["id"]) ? -1 : 1));

describe("update", () => {
  it("sets values and computes others from the row as it was", async () => {
    const table = await open();
    const set = { name: (row: object) => `${String(Reflect.get(row, "name"))}!`, id: 9n } as const;
    expect(await table.update({ where: { id: { gte: 2 } }, set: { name: set.name } })).toMatchObject({
      version: 1,
      updated: 2,
      copied: 1,
    });
    expect(await table.update({ where: { id: 1 }, set: { part: "y", name: null } })).toMatchObject({ updated: 1 });
    expect(await sorted(table)).toEqual([
      { id: 1n, name: null, part: "y" },
      { id: 2n, name: "null!", part: "x" },
      { id: 3n, name: "c!", part: "y" },
    ]);
    const partitions = (await table.snapshot()).files.map((file) => file.partition["part"]).sort();
    expect(partitions).toEqual(["x", "y", "y"]);
  });

  it("refuses values that a column cannot hold before anything is written", async () => {
    const table = await open();
    const refused = (set: Parameters<LakeTable["update"]>[0]["set"]): Promise<unknown> =>
      table.update({ where: { id: 1 }, set });
    await expect(refused({ id: "1" })).rejects.toMatchObject({ code: "UPDATE_INVALID", details: { column: "id" } });
    await expect(refused({ id: null })).rejects.toMatchObject({ code: "UPDATE_INVALID" });
    await expect(refused({ name: () => 1 })).rejects.toMatchObject({ code: "UPDATE_INVALID" });
    await expect(refused({ nope: 1 })).rejects.toMatchObject({ code: "COLUMN_UNKNOWN" });
    await expect(refused({})).rejects.toMatchObject({ code: "OPTION_INVALID" });
    expect((await table.snapshot()).version).toBe(0);
  });

  it.each([
    ["byte", 127, 128],
    ["short", -32_768, 1.5],
    ["integer", 1, 1n],
    ["long", 2n ** 63n - 1n, 2n ** 63n],
    ["double", Number.NaN, "1"],
    ["boolean", false, 0],
    ["string", "", 1],
    ["binary", new Uint8Array(1), "a"],
    ["date", 1, 2 ** 31],
    ["timestamp", 1n, 1],
    ["decimal(3,1)", -999n, 1000n],
    [{ type: "array", elementType: "long", containsNull: true }, [1n], 1n],
  ] as const)("knows what a %j holds", (type, good, bad) => {
    expect([holds(type, good), holds(type, bad)]).toEqual([true, false]);
  });
});
