import { memoryObjectStore } from "@ashlar/core/memory";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rowsOf } from "../../test/rows.ts";
import { dataOf } from "../parquet/batch.ts";
import { arrowField } from "../parquet/arrow-type.ts";
import { columnOf } from "../parquet/column.ts";
import type { ColumnType, Scalar } from "../parquet/column-type.ts";
import { hyparquet } from "../parquet/hyparquet.ts";
import { batchFrom, openLake } from "./index.ts";
import { TableLog } from "./log.ts";
import { decodeValue, encodeValue } from "./partition-value.ts";

describe("the text of a partition's value", () => {
  it.each([
    ["date", "+10000-01-01", 2_932_897],
    ["date", "10000-01-01", 2_932_897],
    ["date", "-0001-01-01", -719_893],
    ["date", "0001-01-01", -719_162],
    ["date", "2000-02-29", 11_016],
    ["timestamp", "+10000-01-01 00:00:00", 2_932_897n * 86_400_000_000n],
    ["timestamp", "1969-12-31 23:59:59.999999", -1n],
    ["timestamp", "2001-01-01 00:00:00+02:00", 978_300_000_000_000n],
    ["timestamp_ntz", "2001-01-01T00:00:00.5Z", 978_307_200_500_000n],
    ["timestamp", "2001-01-01", 978_307_200_000_000n],
    ["double", "NaN", Number.NaN],
    ["float", "-Infinity", -Infinity],
    ["long", "-9223372036854775808", -(2n ** 63n)],
    ["byte", "-128", -128],
  ] satisfies [ColumnType, string, Scalar][])("is read: %s %s", (type, text, value) => {
    expect(decodeValue(type, text)).toBe(value);
  });

  it.each([
    ["date", "2001-02-30"],
    ["date", "2001-13-01"],
    ["date", "2001-1-1"],
    ["timestamp", "2001-02-30 00:00:00"],
    ["timestamp", "2001-02-03 25:00:00"],
    ["timestamp", "2001-02-03 00:00:00 "],
    ["long", "9223372036854775808"],
    ["integer", "2147483648"],
    ["byte", "128"],
    ["integer", "1.5"],
    ["integer", "0x10"],
    ["integer", "1e3"],
    ["double", "nothing"],
  ] satisfies [ColumnType, string][])("is refused where it is no value of the type: %s %s", (type, text) => {
    expect(decodeValue(type, text)).toBeUndefined();
  });

  it("is that of every value that has one", () => {
    const day = fc.integer({ min: -719_162, max: 2_932_896 });
    const moment = fc.bigInt(-719_162n * 86_400_000_000n, 2_932_897n * 86_400_000_000n - 1n);
    const cases = fc.oneof(
      day.map((value) => ["date", value] as const),
      moment.map((value) => ["timestamp", value] as const),
      fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n).map((value) => ["long", value] as const),
      fc.integer().map((value) => ["integer", value] as const),
    );
    const property = fc.property(cases, ([type, value]) => {
      const column = columnOf(arrowField("p", type), dataOf(type, [value]));
      expect(decodeValue(type, encodeValue("t", column, 0))).toBe(value);
    });
    fc.assert(property);
  });
});

it("is read from tables of other engines, and a file whose value is none is named", async () => {
  const objects = memoryObjectStore();
  const open = async () => await openLake({ objects, codec: hyparquet() }).table("t");
  const made = await openLake({ objects, codec: hyparquet() }).table("t", { partitionBy: ["p"] });
  await made.append(batchFrom({ p: ["string", [null]], n: ["long", [1n]] }));
  const log = new TableLog(objects, "t");
  const actions = await log.read(0);
  const [add] = actions.flatMap((action) => action.add ?? []);
  const [metaData] = actions.flatMap((action) => action.metaData ?? []);
  if (add === undefined || metaData === undefined) throw new Error("the log has no file");
  const schemaString = metaData.schemaString.replace('"string"', '"double"');
  const partitionValues = { p: "NaN" };
  await log.write(1, [{ metaData: { ...metaData, schemaString } }, { add: { ...add, partitionValues } }]);
  const table = await open();
  expect(await rowsOf(table.scan())).toEqual([{ p: Number.NaN, n: 1n }]);
  expect(await rowsOf(table.scan({ where: { p: { gte: 0 } } }))).toEqual([]);
  await table.overwrite(batchFrom({ p: ["double", [Number.NaN]], n: ["long", [2n]] }), { partitions: "touched" });
  expect(await rowsOf(table.scan())).toEqual([{ p: Number.NaN, n: 2n }]);
  const wrong = { metaData: { ...metaData, schemaString: schemaString.replace('"double"', '"byte"') } };
  await log.write(3, [wrong, { add: { ...add, partitionValues: { p: "300" } } }]);
  await expect(rowsOf((await open()).scan())).rejects.toMatchObject({ code: "DATA_FILE_CORRUPT" });
});
