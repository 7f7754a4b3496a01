import { memoryObjectStore } from "@ashlar/core/memory";
import { describe, expect, it } from "vitest";
import { rowsOf, valuesOf } from "../../test/rows.ts";
import { hyparquet } from "../parquet/hyparquet.ts";
import { batchFrom, type LakeTable, openLake } from "./index.ts";

const open = async (partitionBy: readonly string[] = []): Promise<LakeTable> =>
  openLake({ objects: memoryObjectStore(), codec: hyparquet() }).table("t", { partitionBy });
const batch = (n: readonly (bigint | null)[], part = "a"): ReturnType<typeof batchFrom> =>
  batchFrom({ n: ["long", n], part: ["string", n.map(() => part)] });

describe("delete", () => {
  it("writes again what stands beside a deleted row, and leaves other files alone", async () => {
    const table = await open();
    await table.append(batch([1n, 2n, null]));
    await table.append(batch([10n, 20n]));
    await table.append(batch([2n]));
    const before = (await table.snapshot()).files.map((file) => file.key);
    expect(await table.delete({ where: { n: { lte: 2 } } })).toEqual({
      version: 3,
      deleted: 3,
      copied: 1,
      filesAdded: 1,
      filesRemoved: 2,
    });
    expect(await valuesOf(table.scan(), "n")).toEqual([null, 10n, 20n]);
    expect(await valuesOf(table.scan({ version: 2 }), "n")).toEqual([null, 1n, 2n, 2n, 10n, 20n]);
    const after = (await table.snapshot()).files.map((file) => file.key);
    expect(after.filter((key) => before.includes(key))).toEqual([before[1]]);
  });

  it("takes whole partitions without reading them, and commits nothing where nothing matches", async () => {
    const objects = memoryObjectStore();
    const lake = openLake({ objects, codec: hyparquet() });
    const table = await lake.table("t", { partitionBy: ["part"] });
    await table.append(batch([1n], "a"));
    await table.append(batch([2n], "b"));
    const gone = (await table.snapshot()).files.find((file) => file.partition["part"] === "a");
    await objects.delete(gone?.key ?? "");
    expect(await table.delete({ where: { part: "a" } })).toMatchObject({ version: 2, deleted: 1, copied: 0 });
    expect(await table.delete({ where: { part: "a" } })).toMatchObject({ version: 2, deleted: 0, filesRemoved: 0 });
    expect(await rowsOf(table.scan())).toEqual([{ n: 2n, part: "b" }]);
    expect(await table.delete({ where: {} })).toMatchObject({ deleted: 1 });
    expect(await rowsOf(table.scan())).toEqual([]);
    expect((await table.snapshot()).schema.names).toEqual(["n", "part"]);
  });

  it("refuses what is not there, and does a repeated transaction once", async () => {
    const table = await open();
    await expect(table.delete({ where: {} })).rejects.toMatchObject({ code: "TABLE_NOT_FOUND" });
    await table.append(batch([1n, 2n, 3n]));
    await expect(table.delete({ where: { x: 1 } })).rejects.toMatchObject({ code: "COLUMN_UNKNOWN" });
    await expect(table.delete({ where: { n: "1" } })).rejects.toMatchObject({ code: "PREDICATE_INVALID" });
    const transaction = { appId: "clean", version: 1 };
    const first = await table.delete({ where: { n: 2 }, transaction });
    await table.append(batch([2n]));
    expect(await table.delete({ where: { n: 2 }, transaction })).toEqual(first);
    expect(await valuesOf(table.scan(), "n")).toEqual([1n, 2n, 3n]);
    const entry = (await table.history()).find(({ operation }) => operation === "DELETE");
    expect(entry?.info["operationParameters"]).toEqual({ predicate: '["n = 2"]' });
    expect(entry?.info["operationMetrics"]).toMatchObject({ numDeletedRows: "1", numCopiedRows: "2" });
  });
});
