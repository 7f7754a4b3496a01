import { memoryObjectStore } from "@ashlar/core/memory";
import type { ObjectStore } from "@ashlar/core";
import { arrowSchema } from "../parquet/arrow-type.ts";
import type { PlainColumns } from "../parquet/batch-from.ts";
import { expect, it } from "vitest";
import { hyparquet } from "../parquet/hyparquet.ts";
import { rowsOf } from "../parquet/rows-of.ts";
import { batchFrom, between, type LakeTable, openLake } from "./index.ts";

const aside = { expect: [between("n", 0, 9)], onViolation: "quarantine" } as const;

const open = (objects: ObjectStore): Promise<LakeTable> => openLake({ objects, codec: hyparquet() }).table("t", aside);

/** The named columns of the rows that were set aside. */
async function quarantined(objects: ObjectStore, ...names: readonly string[]): Promise<unknown[][]> {
  const found: unknown[][] = [];
  const table = await openLake({ objects, codec: hyparquet() }).table("t__quarantine");
  for await (const batch of table.scan()) for (const row of rowsOf(batch)) found.push(names.map((name) => row[name]));
  return found.toSorted((a, b) => Number(a[0]) - Number(b[0]));
}

const append = (table: LakeTable, columns: PlainColumns, evolve: "add-columns" | "none" = "none"): Promise<unknown> =>
  table.append(batchFrom(columns), { evolve });

it("gains the columns that its table gains, and is wider where that is", async () => {
  const objects = memoryObjectStore();
  const table = await open(objects);
  await append(table, { n: ["integer", [1, 10]] });
  await append(table, { n: ["integer", [2, 20]], s: ["string", ["a", "b"]] }, "add-columns");
  await table.alter({ widen: { column: "n", type: "long" } });
  await append(table, { n: ["long", [3n, 2n ** 40n]], s: ["string", [null, "c"]] });
  await table.update({ where: { n: 1n }, set: { n: 30n } });
  expect(await quarantined(objects, "n", "s", "_version")).toEqual([
    [10n, null, -1n],
    [20n, "b", 0n],
    [30n, null, 3n],
    [2n ** 40n, "c", 2n],
  ]);
});

it("keeps what its table dropped or renamed, beside the new name", async () => {
  const objects = memoryObjectStore();
  const table = await open(objects);
  await append(table, { n: ["long", [10n]], old: ["string", ["x"]], gone: ["string", ["y"]] });
  await table.alter({ rename: { from: "old", to: "new" }, drop: "gone" });
  await append(table, { n: ["long", [20n]], new: ["string", ["z"]] });
  expect(await quarantined(objects, "n", "old", "new", "gone")).toEqual([
    [10n, "x", null, "y"],
    [20n, null, "z", null],
  ]);
});

it("takes the rows of writers that change its columns at the same time", async () => {
  const objects = memoryObjectStore();
  await append(await open(objects), { n: ["integer", [10]] });
  await (await open(objects)).alter({ add: arrowSchema([["s", "string"]]).fields });
  const writers = await Promise.all(Array.from({ length: 4 }, () => open(objects)));
  await Promise.all(writers.map((table, i) => append(table, { n: ["integer", [20 + i]], s: ["string", [`${i}`]] })));
  expect(await quarantined(objects, "n", "s")).toEqual([
    [10, null],
    [20, "0"],
    [21, "1"],
    [22, "2"],
    [23, "3"],
  ]);
});

it.each([
  [
    "a column of another type",
    (table: LakeTable) => table.alter({ drop: "s" }),
    { s: ["long", [1n]] },
    /"s" is string/,
  ],
  [
    "a name of other letter case",
    (table: LakeTable) => table.alter({ drop: "s" }),
    { S: ["string", ["x"]] },
    /letter case/,
  ],
] as const)("says what it cannot take: %s", async (_, change, columns, problem) => {
  const objects = memoryObjectStore();
  const table = await open(objects);
  await append(table, { n: ["integer", [10]], s: ["string", ["x"]] });
  await change(table);
  await table.alter({ add: batchFrom(columns).schema.fields });
  const writing = append(table, { n: ["integer", [11]], ...columns });
  await expect(writing).rejects.toMatchObject({
    code: "SCHEMA_MISMATCH",
    message: expect.stringMatching(problem) as unknown,
    details: { table: "t__quarantine", problem: expect.stringMatching(/move this quarantine away/) as unknown },
  });
  expect((await table.snapshot()).rows).toBe(0);
});

it("says that one which was altered for itself is none any more", async () => {
  const objects = memoryObjectStore();
  const table = await open(objects);
  await append(table, { n: ["integer", [10]] });
  const side = await openLake({ objects, codec: hyparquet() }).table("t__quarantine");
  await side.alter({ properties: { "delta.columnMapping.mode": "name" } });
  await append(table, { n: ["integer", [11]] });
  const writing = append(table, { n: ["integer", [12]], s: ["string", ["x"]] }, "add-columns");
  await expect(writing).rejects.toMatchObject({
    code: "SCHEMA_MISMATCH",
    message: expect.stringMatching(/maps its columns/) as unknown,
  });
  await side.alter({ rename: { from: "n", to: "m" } });
  await expect(append(table, { n: ["integer", [13]] })).rejects.toMatchObject({
    code: "SCHEMA_MISMATCH",
    message: expect.stringMatching(/"m" is mapped/) as unknown,
  });
});
