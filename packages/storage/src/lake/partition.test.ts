import { memoryObjectStore } from "@ashlar/core/memory";
import { expect, it } from "vitest";
import { rowsOf } from "../../test/rows.ts";
import { hyparquet } from "../parquet/hyparquet.ts";
import { batchFrom, openLake } from "./index.ts";

const nameOfNull = "__HIVE_DEFAULT_PARTITION__";

it("tells a null from the text that names its folder, and values from those whose folders spell alike", async () => {
  const lake = openLake({ objects: memoryObjectStore(), codec: hyparquet() });
  const table = await lake.table("t", { partitionBy: ["p", "q"] });
  const p = [null, nameOfNull, null, "a/q=b", "a", nameOfNull];
  const q = ["x", "x", nameOfNull, "c", "b/q=c", null];
  const n = p.map((_, index) => index);
  await table.append(batchFrom({ p: ["string", p], q: ["string", q], n: ["integer", n] }));
  const rows = (await rowsOf(table.scan())).toSorted((a, b) => Number(a["n"]) - Number(b["n"]));
  expect(rows).toEqual(n.map((index) => ({ p: p[index], q: q[index], n: index })));
  expect((await rowsOf(table.scan({ where: { p: nameOfNull } }))).map((row) => row["n"])).toEqual([1, 5]);
  expect((await rowsOf(table.scan({ where: { p: { null: true } } }))).map((row) => row["n"])).toEqual([0, 2]);
});
