import { setTimeout as sleep } from "node:timers/promises";
import { memoryObjectStore } from "@ashlar/core/memory";
import type { RecordBatch } from "apache-arrow";
import { expect, it } from "vitest";
import { duckdb } from "../parquet/duckdb.ts";
import { batchFrom, openLake } from "./index.ts";

const size = 110_000;
const part = (name: string): RecordBatch =>
  batchFrom({
    p: ["string", Array.from({ length: size }, () => name)],
    n: ["long", Array.from({ length: size }, (_, n) => BigInt(n))],
  });

it("stores the file of a partition that gets no more rows while others come, and another if it does get some", async () => {
  const objects = memoryObjectStore();
  await using codec = duckdb();
  const table = await openLake({ objects, codec }).table("t", { partitionBy: ["p"] });
  const stored = async (): Promise<number> => {
    let files = 0;
    for await (const { key } of objects.list("t/")) files += Number(key.endsWith(".parquet"));
    return files;
  };
  async function* rows(): AsyncGenerator<RecordBatch> {
    yield part("a");
    yield part("b");
    for (let tries = 0; (await stored()) === 0 && tries < 1000; tries++) await sleep(10);
    expect(await stored()).toBe(1);
    yield part("a");
  }
  expect(await table.append(rows())).toMatchObject({ rows: 3 * size, files: 3 });
  const counts: Record<string, number> = { a: 0, b: 0 };
  for (const p of ["a", "b"]) {
    for await (const batch of table.scan({ where: { p } })) counts[p] = (counts[p] ?? 0) + batch.numRows;
  }
  expect(counts).toEqual({ a: 2 * size, b: size });
});

it("tells of a file that could not be stored meanwhile, and leaves nothing behind", async () => {
  const memory = memoryObjectStore();
  const objects: typeof memory = {
    ...memory,
    async put(key, body, options) {
      if (key.includes("/p=a/")) throw new Error("the disk is full");
      return memory.put(key, body, options);
    },
  };
  await using codec = duckdb();
  const table = await openLake({ objects, codec }).table("t", { partitionBy: ["p"] });
  await expect(table.append(["a", "b", "c", "d"].map(part))).rejects.toThrow("the disk is full");
  const left: string[] = [];
  for await (const { key } of memory.list("")) left.push(key);
  expect(left).toEqual([]);
});
