import type { ObjectStore } from "@ashlar/core";
import { memoryObjectStore } from "@ashlar/core/memory";
import { describe, expect, it } from "vitest";
import { agedStore } from "../../test/aged-store.ts";
import { hyparquet } from "../parquet/hyparquet.ts";
import { batchFrom, type LakeTable, openLake } from "./index.ts";

const day = 86_400_000;
const now = 1_700_000_000_000;
const row = batchFrom({ n: ["long", [1n]] });
const clock = { now: () => now, monotonic: () => 0, sleep: async () => {} };

/** Version n is as many days old as the n-th age says when the last one is written. */
async function aged(days: readonly number[]): Promise<Aged> {
  const { objects, age } = agedStore(memoryObjectStore());
  const table = await openLake({ objects, codec: hyparquet(), clock }).table("t");
  for (let version = 0; version < days.length - 1; version++) await table.append(row);
  for (const [version, old] of days.entries()) {
    age(`t/_delta_log/${String(version).padStart(20, "0")}`, now - old * day);
  }
  return { objects, table };
}

interface Aged {
  readonly objects: ObjectStore;
  readonly table: LakeTable;
}

async function logOf(objects: ObjectStore): Promise<string[]> {
  const names: string[] = [];
  for await (const { key } of objects.list("t/_delta_log/")) {
    const [version = "", kind = ""] = key.slice("t/_delta_log/".length).split(".");
    names.push(version.startsWith("_") ? version : `${Number(version)} ${kind}`);
  }
  return names;
}

const ages = (count: number, old: number, young: number): number[] =>
  Array.from({ length: count }, (_, version) => (version < old ? 31 : young));

describe("the log is cleaned up", () => {
  it("behind the newest checkpoint from before the retention", async () => {
    const { objects, table } = await aged(ages(21, 14, 3));
    await table.append(row);
    expect(await logOf(objects)).toEqual([
      "10 checkpoint",
      ...Array.from({ length: 10 }, (_, index) => `${10 + index} json`),
      "20 checkpoint",
      "20 json",
      "_last_checkpoint",
    ]);
    expect((await table.snapshot()).rows).toBe(21);
    expect((await table.at(10).snapshot()).rows).toBe(11);
    expect((await table.at(13).snapshot()).rows).toBe(14);
    await expect(table.at(9).snapshot()).rejects.toMatchObject({
      code: "VERSION_NOT_FOUND",
      details: { earliest: 10, latest: 20 },
    });
    expect((await table.history()).map(({ version }) => version)).toEqual([20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10]);
  });

  it("not while an entry within the retention needs what is before it", async () => {
    const { objects, table } = await aged(ages(21, 10, 3));
    await table.append(row);
    expect(await logOf(objects)).toHaveLength(24);
  });

  it("not behind a checkpoint that cannot be read", async () => {
    const { objects, table } = await aged(ages(21, 14, 3));
    await objects.put("t/_delta_log/00000000000000000010.checkpoint.parquet", new Uint8Array(9));
    await table.append(row);
    expect(await logOf(objects)).toHaveLength(24);
    expect((await table.at(3).snapshot()).rows).toBe(4);
  });

  it("on request, too", async () => {
    const { objects, table } = await aged(ages(13, 12, 3));
    expect(await table.checkpoint()).toEqual({ version: 11 });
    expect(await logOf(objects)).toEqual(["11 checkpoint", "11 json", "_last_checkpoint"]);
  });

  it("needs a table", async () => {
    const table = await openLake({ objects: memoryObjectStore(), codec: hyparquet() }).table("t");
    await expect(table.checkpoint()).rejects.toMatchObject({ code: "TABLE_NOT_FOUND" });
  });
});
