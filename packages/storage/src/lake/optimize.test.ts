import { memoryObjectStore } from "@ashlar/core/memory";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rowsOf, valuesOf } from "../../test/rows.ts";
import { hyparquet } from "../parquet/hyparquet.ts";
import { batchFrom, type LakeTable, openLake } from "./index.ts";
import { clusteredRows, zValues } from "./z-order.ts";

const open = async (): Promise<LakeTable> =>
  openLake({ objects: memoryObjectStore(), codec: hyparquet() }).table("t", { partitionBy: ["part"] });
const batch = (from: number, count: number, part: string): ReturnType<typeof batchFrom> => {
  const numbers = Array.from({ length: count }, (_, i) => (from + i * 7919) % 1000);
  return batchFrom({
    x: ["long", numbers.map(BigInt)],
    y: ["double", numbers.map((n) => (n * 31) % 1000)],
    part: ["string", numbers.map(() => part)],
  });
};

describe("optimize", () => {
  it("makes one file of many in each partition, changes no row, and then has nothing to do", async () => {
    const table = await open();
    for (let i = 0; i < 6; i++) await table.append(batch(i * 100, 50, i % 2 === 0 ? "a" : "b"));
    const before = await valuesOf(table.scan(), "x");
    const result = await table.optimize();
    expect(result).toMatchObject({ version: 6, filesAdded: 2, filesRemoved: 6 });
    expect(result.bytesAdded).toBeLessThan(result.bytesRemoved);
    expect(await valuesOf(table.scan(), "x")).toEqual(before);
    expect(await table.optimize()).toMatchObject({ version: 6, filesAdded: 0, filesRemoved: 0 });
    await table.append(batch(1, 5, "a"));
    expect(await table.optimize({ where: { part: "b" } })).toMatchObject({ filesRemoved: 0 });
    expect(await rowsOf(table.changes({ from: 6, to: 6 }))).toEqual([]);
  });

  it("leaves files alone that are large enough, and fills files up to the size", async () => {
    const table = await open();
    await table.append(batch(0, 1000, "a"));
    for (let i = 0; i < 4; i++) await table.append(batch(i, 100, "a"));
    const files = (await table.snapshot()).files.map((file) => file.size);
    const large = Math.max(...files);
    expect(await table.optimize({ targetSize: large })).toMatchObject({ filesRemoved: 4, filesAdded: 1 });
  });

  it("sorts, so that files hold ranges, and skips what is sorted already", async () => {
    const table = await open();
    for (let i = 0; i < 4; i++) await table.append(batch(i * 250, 250, "a"));
    const total = (await table.snapshot()).files.reduce((sum, file) => sum + file.size, 0);
    const options = { sortBy: ["x"], targetSize: total / 4 };
    expect((await table.optimize(options)).filesAdded).toBeGreaterThan(3);
    const values = (await rowsOf(table.scan())).map((row) => row["x"] as bigint);
    const inFiles = values.toSorted((a, b) => (a < b ? -1 : 1));
    expect(values).toEqual(inFiles);
    expect((await table.optimize(options)).filesRemoved).toBe(0);
    expect((await table.optimize({ ...options, sortBy: ["y", "x"] })).filesRemoved).toBeGreaterThan(3);
  });

  it("refuses sizes and columns that make no sense", async () => {
    const table = await open();
    await table.append(batch(0, 5, "a"));
    const refusal = { code: "OPTION_INVALID" };
    await expect(table.optimize({ targetSize: 0 })).rejects.toMatchObject(refusal);
    await expect(table.optimize({ sortBy: ["x"], zOrderBy: ["y"] })).rejects.toMatchObject(refusal);
    await expect(table.optimize({ zOrderBy: [] })).rejects.toMatchObject(refusal);
    await expect(table.optimize({ sortBy: ["part"] })).rejects.toMatchObject(refusal);
    await expect(table.optimize({ sortBy: ["z"] })).rejects.toMatchObject({ code: "COLUMN_UNKNOWN" });
  });
});

describe("clustering", () => {
  it("gives every row once, in order, nulls first and NaN last", () => {
    const values = fc.array(fc.oneof(fc.double(), fc.constant(null)), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(values, (numbers) => {
        const rows = clusteredRows(batchFrom({ d: ["double", numbers] }), { kind: "sort", columns: ["d"] });
        const place = (value: number | null): number => (value === null ? -1 : Number.isNaN(value) ? 1 : 0);
        expect([...rows].sort((a, b) => a - b)).toEqual([...numbers.keys()]);
        for (const [index, row] of rows.entries()) {
          const [one, next] = [numbers[row] ?? null, numbers[rows[index + 1] ?? row] ?? null];
          expect(place(one) < place(next) || (place(one) === place(next) && !(Number(one) > Number(next)))).toBe(true);
        }
      }),
    );
  });

  it("interleaves the bits of the ranks", () => {
    const side = Float64Array.from([0, 1, 0, 1], (value) => value);
    const other = Float64Array.from([0, 0, 1, 1]);
    const [origin = 0, right = 0, up = 0, both = 0] = zValues([side, other]);
    expect([origin < up, up < right, right < both]).toEqual([true, true, true]);
  });

  it("prunes by every column of a Z-order", async () => {
    const table = await open();
    for (let i = 0; i < 4; i++) await table.append(batch(i * 250, 1000, "a"));
    const total = (await table.snapshot()).files.reduce((sum, file) => sum + file.size, 0);
    await table.optimize({ zOrderBy: ["x", "y"], targetSize: total / 16 });
    const { files } = await table.snapshot();
    expect(files.length).toBeGreaterThan(8);
    for (const column of ["x", "y"]) {
      let rows = 0;
      for await (const part of table.scan({ where: { [column]: { lt: column === "x" ? 100n : 100 } } }))
        rows += part.numRows;
      expect(rows).toBeGreaterThan(0);
    }
  });
});
