import { memoryObjectStore } from "@ashlar/core/memory";
import { describe, expect, it } from "vitest";
import { rowsOf } from "../../test/rows.ts";
import { hyparquet } from "../parquet/hyparquet.ts";
import { batchFrom, between, type LakeTable, openLake } from "./index.ts";

const batch = (n: readonly bigint[], part: readonly (string | null)[]): ReturnType<typeof batchFrom> =>
  batchFrom({ n: ["long", n], part: ["string", part] });
const open = async (): Promise<LakeTable> => {
  const lake = openLake({ objects: memoryObjectStore(), codec: hyparquet() });
  return lake.table("t", { partitionBy: ["part"] });
};
const sorted = async (table: LakeTable): Promise<string[]> =>
  (await rowsOf(table.scan())).map((row) => `${String(row["part"])}${String(row["n"])}`).sort();

describe("overwrite", () => {
  it("makes a table, and then replaces its rows; old versions stay", async () => {
    const table = await open();
    expect(await table.overwrite(batch([1n, 2n], ["a", "b"]))).toMatchObject({ version: 0, rows: 2, deleted: 0 });
    expect(await table.overwrite(batch([3n], ["a"]))).toMatchObject({
      version: 1,
      rows: 1,
      deleted: 2,
      filesRemoved: 2,
    });
    expect(await sorted(table)).toEqual(["a3"]);
    expect(await rowsOf(table.scan({ version: 0 }))).toHaveLength(2);
    expect(await table.overwrite([])).toMatchObject({ version: 2, rows: 0, deleted: 1 });
    expect(await sorted(table)).toEqual([]);
  });

  it("replaces only matching rows, and lets only matching rows in", async () => {
    const table = await open();
    await table.append(batch([1n, 2n, 3n, 4n], ["a", "a", "b", "b"]));
    const where = { n: { gte: 2, lte: 3 } };
    const stray = table.overwrite(batch([2n, 9n], ["a", "a"]), { where });
    await expect(stray).rejects.toMatchObject({ code: "REPLACE_MISMATCH", details: { rows: 1, example: "n = 9" } });
    const result = await table.overwrite(batch([3n, 3n], ["c", "a"]), { where });
    expect(result).toMatchObject({ version: 1, rows: 2, deleted: 2, copied: 2, filesRemoved: 2 });
    expect(await sorted(table)).toEqual(["a1", "a3", "b4", "c3"]);
  });

  it("replaces the partitions that the rows fall into", async () => {
    const table = await open();
    await table.append(batch([1n, 2n, 3n, 4n], ["a", "b", null, "b"]));
    await table.overwrite(batch([9n, 8n], ["b", null]), { partitions: "touched" });
    expect(await sorted(table)).toEqual(["a1", "b9", "null8"]);
  });

  it("checks options and expectations before anything changes", async () => {
    const table = await open();
    const rows = batch([1n], ["a"]);
    await expect(table.overwrite(rows, { where: { n: 1 } })).rejects.toMatchObject({ code: "TABLE_NOT_FOUND" });
    await table.append(rows);
    const both = table.overwrite(rows, { where: { n: 1 }, partitions: "touched" });
    await expect(both).rejects.toMatchObject({ code: "OPTION_INVALID" });
    const broken = table.overwrite(rows, { expect: [between("n", 5, 6)] });
    await expect(broken).rejects.toMatchObject({ code: "EXPECTATION_FAILED" });
    const flat = await openLake({ objects: memoryObjectStore(), codec: hyparquet() }).table("flat");
    await flat.append(rows);
    await expect(flat.overwrite(rows, { partitions: "touched" })).rejects.toMatchObject({ code: "OPTION_INVALID" });
    expect(await sorted(table)).toEqual(["a1"]);
  });

  it("does a repeated transaction once", async () => {
    const table = await open();
    await table.append(batch([1n], ["a"]));
    const transaction = { appId: "o", version: 1 };
    const first = await table.overwrite(batch([2n], ["a"]), { transaction });
    await table.append(batch([3n], ["a"]));
    expect(await table.overwrite(batch([4n], ["a"]), { transaction })).toEqual(first);
    expect(await sorted(table)).toEqual(["a2", "a3"]);
  });
});
