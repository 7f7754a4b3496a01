import { memoryObjectStore } from "@ashlar/core/memory";
import type { ObjectStore } from "@ashlar/core";
import { describe, expect, it } from "vitest";
import { rowsOf } from "../../test/rows.ts";
import { hyparquet } from "../parquet/hyparquet.ts";
import { batchFrom, type LakeTable, openLake } from "./index.ts";

const schemaString = JSON.stringify({
  type: "struct",
  fields: ["n", "part"].map((name, i) => ({
    name,
    type: i === 0 ? "long" : "string",
    nullable: true,
    metadata: {},
  })),
});

/** A table that another engine made, with the change feed on. */
async function tableWithFeed(objects: ObjectStore = memoryObjectStore()): Promise<LakeTable> {
  const actions = [
    { protocol: { minReaderVersion: 1, minWriterVersion: 2 } },
    {
      metaData: {
        id: "t",
        format: { provider: "parquet", options: {} },
        schemaString,
        partitionColumns: ["part"],
        configuration: { "delta.enableChangeDataFeed": "true" },
      },
    },
  ];
  const text = actions.map((action) => JSON.stringify(action)).join("\n");
  await objects.put("t/_delta_log/00000000000000000000.json", new TextEncoder().encode(text));
  return openLake({ objects, codec: hyparquet() }).table("t");
}

const batch = (n: readonly bigint[], part = "a"): ReturnType<typeof batchFrom> =>
  batchFrom({ n: ["long", n], part: ["string", n.map(() => part)] });
const feed = async (table: LakeTable, from: number, to = from): Promise<string[]> =>
  (await rowsOf(table.changes({ from, to })))
    .map((row) => `${String(row["_change_type"])} ${String(row["n"])}${String(row["part"])}`)
    .sort();

describe("columns with the names of the feed's own", () => {
  const taken = batchFrom({ n: ["long", [1n, 2n]], _Commit_Version: ["long", [7n, 8n]] });

  it("keep a table from keeping its changes, and are left out of those that its files tell", async () => {
    const table = await openLake({ objects: memoryObjectStore(), codec: hyparquet() }).table("t");
    await table.append(taken);
    const keep = table.alter({ properties: { "delta.enableChangeDataFeed": true } });
    await expect(keep).rejects.toMatchObject({ code: "ALTER_INVALID" });
    await expect(rowsOf(table.changes({ from: 0 }))).rejects.toMatchObject({ code: "OPTION_INVALID" });
    expect(await rowsOf(table.changes({ from: 0, columns: ["n"] }))).toMatchObject([{ n: 1n }, { n: 2n }]);
    const renamed = {
      rename: { from: "_Commit_Version", to: "theirs" },
      properties: { "delta.enableChangeDataFeed": true },
    };
    await table.alter(renamed);
    expect((await rowsOf(table.changes({ from: 0 }))).map((row) => row["theirs"])).toEqual([7n, 8n]);
  });

  it("are not gained by a table that keeps them", async () => {
    const table = await openLake({ objects: memoryObjectStore(), codec: hyparquet() }).table("t");
    await table.append(batchFrom({ n: ["long", [1n]] }));
    await table.alter({ properties: { "delta.enableChangeDataFeed": true } });
    await expect(table.append(taken, { evolve: "add-columns" })).rejects.toMatchObject({ code: "SCHEMA_MISMATCH" });
    await expect(table.alter({ rename: { from: "n", to: "_Change_Type" } })).rejects.toMatchObject({
      code: "ALTER_INVALID",
    });
    expect((await table.snapshot()).version).toBe(1);
  });
});

describe("the change feed", () => {
  it("tells what each operation did to which rows", async () => {
    const objects = memoryObjectStore();
    const table = await tableWithFeed(objects);
    await table.append(batch([1n, 2n, 3n]));
    await table.append(batch([4n], "b"));
    expect(await feed(table, 1, 2)).toEqual(["insert 1a", "insert 2a", "insert 3a", "insert 4b"]);
    await table.update({ where: { n: 2 }, set: { part: "b" } });
    expect(await feed(table, 3)).toEqual(["update_postimage 2b", "update_preimage 2a"]);
    await table.delete({ where: { n: { gte: 3 } } });
    expect(await feed(table, 4)).toEqual(["delete 3a", "delete 4b"]);
    await table.merge(batch([1n, 9n], "c"), { on: ["n"] });
    expect(await feed(table, 5)).toEqual(["insert 9c", "update_postimage 1c", "update_preimage 1a"]);
    await table.overwrite(batch([9n, 9n], "c"), { where: { n: 9 } });
    expect(await feed(table, 6)).toEqual(["delete 9c", "insert 9c", "insert 9c"]);
    await table.optimize();
    expect(await feed(table, 7)).toEqual([]);
    await table.delete({ where: { part: "c" } });
    expect(await feed(table, 8)).toEqual(["delete 1c", "delete 9c", "delete 9c"]);
    const keys: string[] = [];
    for await (const { key } of objects.list("t/_change_data/")) keys.push(key);
    expect(keys.length).toBeGreaterThan(3);
    expect(await rowsOf(table.scan())).toEqual([{ n: 2n, part: "b" }]);
  });

  it("gives versions and times, and the columns asked for", async () => {
    const table = await tableWithFeed();
    await table.append(batch([1n]));
    const [row] = await rowsOf(table.changes({ from: 0, columns: ["part"] }));
    expect(Object.keys(row ?? {})).toEqual(["part", "_change_type", "_commit_version", "_commit_timestamp"]);
    expect(row).toMatchObject({ part: "a", _change_type: "insert", _commit_version: 1n });
    const [entry] = await table.history();
    expect(row?.["_commit_timestamp"]).toBe(BigInt(entry?.timestamp ?? 0) * 1000n);
    await expect(rowsOf(table.changes({ from: 5 }))).rejects.toMatchObject({ code: "VERSION_NOT_FOUND" });
    await expect(rowsOf(table.changes({ from: 0, columns: ["x"] }))).rejects.toMatchObject({ code: "COLUMN_UNKNOWN" });
  });

  it("adds up to the table: what came and went is what there is", async () => {
    const table = await tableWithFeed();
    await table.append(batch([1n, 2n, 3n, 4n, 5n]));
    await table.delete({ where: { n: 2 } });
    await table.merge(batch([3n, 30n], "b"), { on: ["n"] });
    await table.overwrite(batch([7n, 8n]), { partitions: "touched" });
    const rows = new Map<string, number>();
    for (const row of await rowsOf(table.changes({ from: 0 }))) {
      const key = `${String(row["n"])}${String(row["part"])}`;
      const comes = ["insert", "update_postimage"].includes(String(row["_change_type"]));
      rows.set(key, (rows.get(key) ?? 0) + (comes ? 1 : -1));
    }
    const left = [...rows].filter(([, count]) => count !== 0);
    const there = (await rowsOf(table.scan())).map((row) => [`${String(row["n"])}${String(row["part"])}`, 1]);
    expect(left.sort()).toEqual(there.sort());
  });
});
