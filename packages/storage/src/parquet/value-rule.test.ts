import { describe, expect, it } from "vitest";
import { batchFrom } from "./batch-from.ts";
import type { ColumnType, Value } from "./column-type.ts";
import { dataOf } from "./data-of.ts";
import { rowsOf } from "./rows-of.ts";

const valueIn = (type: ColumnType, value: unknown): unknown =>
  [...rowsOf(batchFrom({ v: [type, [value as Value]] }))][0]?.["v"];

describe("a plain value", () => {
  it.each([
    ["byte", 128],
    ["byte", -129],
    ["short", 1.5],
    ["short", 32_768],
    ["integer", 2 ** 31],
    ["integer", Number.NaN],
    ["integer", "5"],
    ["integer", true],
    ["integer", 5n],
    ["date", 1.5],
    ["date", new Date(0)],
    ["long", 2n ** 63n],
    ["long", 2 ** 53],
    ["long", 1.5],
    ["timestamp", -(2n ** 63n) - 1n],
    ["timestamp", new Date(0)],
    ["float", 1e300],
    ["float", "1"],
    ["double", "x"],
    ["double", 1n],
    ["boolean", 1],
    ["boolean", "true"],
    ["string", 5],
    ["string", "a\ud800"],
    ["binary", "abc"],
    [{ type: "array", elementType: "integer", containsNull: true }, [2 ** 31]],
  ] as const)("that %s cannot hold is refused: %s", (type, value) => {
    expect(() => valueIn(type, value)).toThrow(expect.objectContaining({ code: "VALUE_INVALID" }));
  });

  it.each([
    ["byte", -128, -128],
    ["integer", 2 ** 31 - 1, 2 ** 31 - 1],
    ["long", 2 ** 53 - 1, 2n ** 53n - 1n],
    ["long", -(2n ** 63n), -(2n ** 63n)],
    ["timestamp", -1, -1n],
    ["float", Infinity, Infinity],
    ["float", 0.1, Math.fround(0.1)],
    ["double", -0, -0],
    ["string", "a😀", "a😀"],
    ["string", undefined, null],
  ] as const)("of %s is kept: %s", (type, value, kept) => {
    expect(valueIn(type, value)).toBe(kept);
  });

  it("of another kind of array than the column has is looked at too", () => {
    expect(() => dataOf("long", Float64Array.of(1, 1.5))).toThrow(expect.objectContaining({ code: "VALUE_INVALID" }));
    expect(dataOf("long", Float64Array.of(1, 2)).values).toEqual(BigInt64Array.of(1n, 2n));
  });
});
