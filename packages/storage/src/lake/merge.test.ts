import { memoryObjectStore } from "@ashlar/core/memory";
import type { ObjectStore } from "@ashlar/core";
import { describe, expect, it } from "vitest";
import { rowsOf, valuesOf } from "../../test/rows.ts";
import { hyparquet } from "../parquet/hyparquet.ts";
import { batchFrom, type LakeTable, openLake } from "./index.ts";

const batch = (id: readonly (bigint | null)[], name: readonly (string | null)[]): ReturnType<typeof batchFrom> =>
  batchFrom({ id: ["long", id], name: ["string", name] });
const open = async (objects: ObjectStore = memoryObjectStore()): Promise<LakeTable> => {
  const table = await openLake({ objects, codec: hyparquet() }).table("t");
  await table.append(batch([1n, 2n, null], ["a", "b", "none"]));
  await table.append(batch([100n, 101n], ["c", "d"]));
  return table;
};
const sorted = async (table: LakeTable): Promise<string[]> =>
  (await rowsOf(table.scan())).map((row) => `${String(row["id"])}=${String(row["name"])}`).sort();

describe("merge", () => {
  it("updates what it finds and inserts the rest, nulls matching nothing", async () => {
    const table = await open();
    expect(await table.merge(batch([2n, 3n, null], ["B", "new", "nil"]), { on: ["id"] })).toEqual({
      version: 2,
      quarantined: 0,
      inserted: 2,
      updated: 1,
      deleted: 0,
      copied: 2,
      filesAdded: 1,
      filesRemoved: 1,
    });
    expect(await sorted(table)).toEqual(["100=c", "101=d", "1=a", "2=B", "3=new", "null=nil", "null=none"]);
  });

  it("reads only files that may hold a key", async () => {
    const objects = memoryObjectStore();
    const table = await open(objects);
    const [first] = (await table.snapshot()).files;
    await objects.delete(first?.key ?? "");
    const result = await table.merge(batch([100n, 150n], ["C", "e"]), { on: ["id"] });
    expect(result).toMatchObject({ inserted: 1, updated: 1, filesRemoved: 1 });
  });

  it("deletes, sets under a condition, and drops what the rows do not have", async () => {
    const table = await open();
    await table.merge(batch([1n], ["x"]), { on: ["id"], whenMatched: "delete", whenNotMatched: "ignore" });
    expect(await sorted(table)).toEqual(["100=c", "101=d", "2=b", "null=none"]);
    const whenMatched = {
      set: {
        name: (target: object, source: object) =>
          `${String(Reflect.get(target, "name"))}${String(Reflect.get(source, "name"))}`,
      },
      where: (target: object) => Reflect.get(target, "name") !== "d",
    };
    const result = await table.merge(batch([100n, 101n], ["!", "?"]), { on: ["id"], whenMatched });
    expect(result).toMatchObject({ updated: 1, inserted: 0, copied: 1 });
    expect(await sorted(table)).toEqual(["100=c!", "101=d", "2=b", "null=none"]);
    const drop = { on: ["id"], whenMatched: "ignore", whenNotMatchedBySource: "delete" } as const;
    expect(await table.merge(batch([2n, 7n], ["z", "seven"]), drop)).toMatchObject({ deleted: 3, inserted: 1 });
    expect(await sorted(table)).toEqual(["2=b", "7=seven"]);
  });

  it("takes rows with some of the columns, and keys of several", async () => {
    const table = await open();
    const only = batchFrom({ id: ["integer", [2, 9]] });
    expect(await table.merge(only, { on: ["id"] })).toMatchObject({ updated: 1, inserted: 1 });
    expect(await sorted(table)).toContain("2=b");
    expect(await sorted(table)).toContain("9=null");
    const both = await table.merge(batch([100n, 101n], ["c", "other"]), { on: ["id", "name"], whenMatched: "delete" });
    expect(both).toMatchObject({ deleted: 1, inserted: 1 });
  });

  it("names the key that several rows have, unless no row of the table has it", async () => {
    const table = await open();
    const twice = batch([2n, 2n], ["x", "y"]);
    await expect(table.merge(twice, { on: ["id"] })).rejects.toMatchObject({
      code: "MERGE_AMBIGUOUS",
      details: { key: "id = 2", rows: 2 },
    });
    expect((await table.snapshot()).version).toBe(1);
    await table.merge(batch([7n, 7n], ["x", "y"]), { on: ["id"] });
    expect(await valuesOf(table.scan({ where: { id: 7 } }), "name")).toEqual(["x", "y"]);
  });

  it("refuses keys and columns that are not there", async () => {
    const table = await open();
    const rows = batch([1n], ["x"]);
    await expect(table.merge(rows, { on: [] })).rejects.toMatchObject({ code: "OPTION_INVALID" });
    await expect(table.merge(rows, { on: ["x"] })).rejects.toMatchObject({ code: "COLUMN_UNKNOWN" });
    const keyless = batchFrom({ name: ["string", ["x"]] });
    await expect(table.merge(keyless, { on: ["id"] })).rejects.toMatchObject({ code: "SCHEMA_MISMATCH" });
    const other = batchFrom({ id: ["string", ["1"]] });
    await expect(table.merge(other, { on: ["id"] })).rejects.toMatchObject({ code: "SCHEMA_MISMATCH" });
  });

  it("does a repeated transaction once", async () => {
    const table = await open();
    const options = { on: ["id"], transaction: { appId: "m", version: 4 } };
    const first = await table.merge(batch([5n], ["five"]), options);
    expect(await table.merge(batch([5n], ["again"]), options)).toEqual(first);
    expect(await valuesOf(table.scan({ where: { id: 5 } }), "name")).toEqual(["five"]);
  });
});
