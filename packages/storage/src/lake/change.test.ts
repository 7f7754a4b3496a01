import { memoryObjectStore } from "@ashlar/core/memory";
import type { ObjectStore } from "@ashlar/core";
import { describe, expect, it } from "vitest";
import { interrupted } from "../../test/failing-store.ts";
import { valuesOf } from "../../test/rows.ts";
import { hyparquet } from "../parquet/hyparquet.ts";
import { batchFrom, type LakeTable, openLake } from "./index.ts";

const open = (objects: ObjectStore): Promise<LakeTable> => openLake({ objects, codec: hyparquet() }).table("t");
const batch = (n: readonly bigint[]): ReturnType<typeof batchFrom> =>
  batchFrom({ n: ["long", n], s: ["string", n.map(String)] });
const numbers = (count: number, from = 0): bigint[] => Array.from({ length: count }, (_, i) => BigInt(from + i));

const keysBelow = async (objects: ObjectStore, prefix: string): Promise<string[]> => {
  const keys: string[] = [];
  for await (const { key } of objects.list(prefix)) keys.push(key);
  return keys;
};

describe("operations that meet", () => {
  it("on one file: the one that loses is planned again, and nothing is lost or doubled", async () => {
    const objects = memoryObjectStore();
    const first = await open(objects);
    await first.append(batch(numbers(10)));
    const tables = await Promise.all(Array.from({ length: 4 }, () => open(objects)));
    const results = await Promise.all(tables.map((table, i) => table.delete({ where: { n: i } })));
    expect(results.map((result) => result.deleted)).toEqual([1, 1, 1, 1]);
    expect(results.map((result) => result.version).sort()).toEqual([1, 2, 3, 4]);
    expect(await valuesOf(first.scan(), "n")).toEqual(numbers(6, 4));
    const referenced = (await first.snapshot({ version: 4 })).files.map((file) => file.key);
    expect(referenced).toHaveLength(1);
  });

  it("merges of the same new key insert it once", async () => {
    const objects = memoryObjectStore();
    const first = await open(objects);
    await first.append(batch(numbers(3)));
    const tables = await Promise.all(Array.from({ length: 4 }, () => open(objects)));
    const results = await Promise.all(tables.map((table) => table.merge(batch([7n]), { on: ["n"] })));
    expect(results.map((result) => result.inserted).sort()).toEqual([0, 0, 0, 1]);
    expect(await valuesOf(first.scan(), "n")).toEqual([0n, 1n, 2n, 7n]);
  });

  it("an optimize stands beside appends, and gives way to a delete", async () => {
    const objects = memoryObjectStore();
    const first = await open(objects);
    for (let i = 0; i < 5; i++) await first.append(batch([BigInt(i)]));
    const [two, three, four] = await Promise.all([open(objects), open(objects), open(objects)]);
    await Promise.all([
      two.optimize(),
      ...[10n, 11n, 12n].map((n) => three.append(batch([n]))),
      four.delete({ where: { n: 2 } }),
    ]);
    expect(await valuesOf(first.scan(), "n")).toEqual([0n, 1n, 3n, 4n, 10n, 11n, 12n]);
  });

  it("give up after five tries, and leave no file behind", async () => {
    const objects = memoryObjectStore();
    const winner = await open(objects);
    await winner.append(batch(numbers(20)));
    let tries = 0;
    // Just before each try commits, somebody else changes the very same file.
    const beaten: ObjectStore = {
      capabilities: objects.capabilities,
      get: (...args) => objects.get(...args),
      head: (...args) => objects.head(...args),
      list: (...args) => objects.list(...args),
      delete: (...args) => objects.delete(...args),
      async put(key, ...rest) {
        if (key.includes("_delta_log")) await winner.delete({ where: { n: tries++ } });
        return objects.put(key, ...rest);
      },
    };
    const loser = await open(beaten);
    await expect(loser.delete({ where: { n: 19 } })).rejects.toMatchObject({
      code: "COMMIT_CONFLICT",
      details: { kind: "concurrentAppend" },
    });
    expect(tries).toBe(6);
    expect(await valuesOf(winner.scan(), "n")).toEqual(numbers(14, 6));
    const parquet = (await keysBelow(objects, "t/")).filter((key) => key.endsWith(".parquet"));
    expect(parquet).toHaveLength(7);
  });
});

describe("an operation whose answer is lost", () => {
  it("keeps the files that its commit may name", async () => {
    const objects = memoryObjectStore();
    await (await open(objects)).append(batch(numbers(5)));
    const dropping = interrupted(objects, {
      at: 1,
      when: "after",
      counts: (key) => key.includes("_delta_log"),
      interrupt: () => {
        throw new Error("the connection was lost");
      },
    });
    const transaction = { appId: "d", version: 1 };
    const table = await open(dropping);
    await expect(table.delete({ where: { n: 2 }, transaction })).rejects.toThrow("the connection was lost");
    const again = await open(objects);
    expect(await again.delete({ where: { n: 2 }, transaction })).toMatchObject({ version: 1, deleted: 1 });
    expect(await valuesOf(again.scan(), "n")).toEqual([0n, 1n, 3n, 4n]);
    const appending = interrupted(objects, {
      at: 1,
      when: "after",
      counts: (key) => key.includes("_delta_log"),
      interrupt: () => {
        throw new Error("the connection was lost");
      },
    });
    await expect((await open(appending)).append(batch([9n]))).rejects.toThrow("the connection was lost");
    expect(await valuesOf(again.scan(), "n")).toEqual([0n, 1n, 3n, 4n, 9n]);
  });

  it("deletes what it wrote where it is refused before, or stopped", async () => {
    const objects = memoryObjectStore();
    const table = await open(objects);
    await table.append(batch(numbers(5)));
    const before = await keysBelow(objects, "t/");
    const controller = new AbortController();
    const stopping = table.update({
      where: {},
      set: {
        s: () => {
          controller.abort();
          return "x";
        },
      },
      signal: controller.signal,
    });
    await expect(stopping).rejects.toMatchObject({ name: "AbortError" });
    expect(await keysBelow(objects, "t/")).toEqual(before);
  });
});

describe("a table that only grows", () => {
  it("lets no row go", async () => {
    const objects = memoryObjectStore();
    const metaData = {
      id: "x",
      format: { provider: "parquet", options: {} },
      schemaString: JSON.stringify({
        type: "struct",
        fields: ["n", "s"].map((name) => ({
          name,
          type: name === "n" ? "long" : "string",
          nullable: true,
          metadata: {},
        })),
      }),
      partitionColumns: [],
      configuration: { "delta.appendOnly": "true" },
    };
    const lines = [{ protocol: { minReaderVersion: 1, minWriterVersion: 2 } }, { metaData }];
    const text = lines.map((action) => JSON.stringify(action)).join("\n");
    await objects.put("t/_delta_log/00000000000000000000.json", new TextEncoder().encode(text));
    const table = await open(objects);
    for (let i = 0; i < 2; i++) await table.append(batch(numbers(5, i * 5)));
    const refusal = { code: "TABLE_READ_ONLY" };
    await expect(table.delete({ where: { n: 1 } })).rejects.toMatchObject(refusal);
    await expect(table.overwrite(batch([1n]))).rejects.toMatchObject(refusal);
    expect(await table.optimize()).toMatchObject({ filesRemoved: 2 });
    expect(await valuesOf(table.scan(), "n")).toEqual(numbers(10));
  });
});
