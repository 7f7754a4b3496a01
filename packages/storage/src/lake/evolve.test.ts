import { memoryObjectStore } from "@ashlar/core/memory";
import { describe, expect, it } from "vitest";
import { rowsOf } from "../../test/rows.ts";
import type { ColumnType, Value } from "../parquet/column-type.ts";
import { hyparquet } from "../parquet/hyparquet.ts";
import { dataOf } from "../parquet/batch.ts";
import { columnOf } from "../parquet/column.ts";
import { arrowField } from "../parquet/arrow-type.ts";
import { batchFrom, type LakeTable, openLake } from "./index.ts";
import { widened, widens } from "./widen.ts";

const open = (): Promise<LakeTable> => openLake({ objects: memoryObjectStore(), codec: hyparquet() }).table("t");
const evolve = "add-columns" as const;

describe("append that evolves", () => {
  it("adds columns, fills in those that rows lack, and widens values", async () => {
    const table = await open();
    await table.append(batchFrom({ n: ["long", [1n]] }));
    await expect(table.append(batchFrom({ m: ["string", ["x"]] }))).rejects.toMatchObject({ code: "SCHEMA_MISMATCH" });
    await table.append(batchFrom({ m: ["string", ["x"]], n: ["integer", [2]] }), { evolve });
    await table.append(batchFrom({ n: ["byte", [3]] }), { evolve });
    expect(await rowsOf(table.scan())).toEqual([
      { n: 1n, m: null },
      { n: 2n, m: "x" },
      { n: 3n, m: null },
    ]);
    expect(await rowsOf(table.scan({ where: { m: "x" }, columns: ["n"] }))).toEqual([{ n: 2n }]);
    expect((await table.snapshot({ version: 0 })).schema.names).toEqual(["n"]);
  });

  it("refuses twins by letter case, narrowing, and columns that come later", async () => {
    const table = await open();
    await table.append(batchFrom({ n: ["integer", [1]] }));
    const refusal = { code: "SCHEMA_MISMATCH" };
    await expect(table.append(batchFrom({ N: ["integer", [1]] }), { evolve })).rejects.toMatchObject(refusal);
    await expect(table.append(batchFrom({ n: ["long", [1n]] }), { evolve })).rejects.toMatchObject(refusal);
    const late = [batchFrom({ n: ["integer", [1]] }), batchFrom({ n: ["integer", [1]], x: ["long", [1n]] })];
    await expect(table.append(late, { evolve })).rejects.toMatchObject(refusal);
  });

  it("loses to another change of the columns", async () => {
    const lake = openLake({ objects: memoryObjectStore(), codec: hyparquet() });
    const [one, two] = [await lake.table("t"), await lake.table("t")];
    await one.append(batchFrom({ n: ["long", [1n]] }));
    const outcomes = await Promise.allSettled([
      one.append(batchFrom({ n: ["long", [2n]], a: ["long", [2n]] }), { evolve }),
      two.append(batchFrom({ n: ["long", [3n]], b: ["long", [3n]] }), { evolve }),
    ]);
    const lost = outcomes.find((outcome) => outcome.status === "rejected");
    expect(lost?.reason).toMatchObject({ code: "COMMIT_CONFLICT", details: { kind: "metadataChanged" } });
    expect(await rowsOf(one.scan())).toHaveLength(2);
  });
});

describe("widening", () => {
  it.each([
    ["byte", "short", [1, null], [1, null]],
    ["integer", "long", [-1, null], [-1n, null]],
    ["float", "double", [1.5, null], [1.5, null]],
    ["integer", "double", [3, null], [3, null]],
    ["date", "timestamp_ntz", [-1, null], [-86_400_000_000n, null]],
    ["integer", "decimal(12,2)", [7, null], [700n, null]],
    ["decimal(4,1)", "decimal(6,2)", [-15n, null], [-150n, null]],
  ] satisfies [ColumnType, ColumnType, (Value | null)[], (Value | null)[]][])(
    "takes %s to %s",
    (from, to, values, expected) => {
      const data = widened(dataOf(from, values), from, to);
      const column = columnOf(arrowField("c", to), data);
      expect([0, 1].map((row) => column.get(row))).toEqual(expected);
    },
  );

  it.each([
    ["long", "integer"],
    ["long", "double"],
    ["double", "float"],
    ["decimal(6,2)", "decimal(6,3)"],
    ["decimal(6,2)", "decimal(6,2)"],
    ["long", "decimal(10,0)"],
    ["string", "binary"],
  ] satisfies [ColumnType, ColumnType][])("does not take %s to %s", (from, to) => {
    expect(widens(from, to)).toBe(false);
  });
});
