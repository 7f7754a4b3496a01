import { memoryObjectStore } from "@ashlar/core/memory";
import { isAshlarError } from "@ashlar/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rowsOf } from "../../test/rows.ts";
import { type ColumnType, decimalOf, type Value } from "../parquet/column-type.ts";
import { decimalText } from "../parquet/decimal.ts";
import { duckdb } from "../parquet/duckdb.ts";
import { hyparquet } from "../parquet/hyparquet.ts";
import type { ParquetCodec } from "../parquet/port.ts";
import type { Condition, PredicateValue } from "../parquet/predicate.ts";
import { batchFrom, openLake } from "./index.ts";

const whole = (bits: number): fc.Arbitrary<number> => fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 });
const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const day = 86_400_000_000n;
// The years 1 to 9999, with the last microsecond of each second, and times before 1970.
const moment = fc.oneof(
  fc.bigInt({ min: -719_162n * day, max: 2_932_897n * day - 1n }),
  fc.constantFrom(-1n, 0n, 1n, -1_000_001n, 999_999n, -719_162n * day, 2_932_897n * day - 1n),
);
const digits = (precision: number): fc.Arbitrary<bigint> => {
  const most = 10n ** BigInt(precision) - 1n;
  return fc.oneof(fc.bigInt({ min: -most, max: most }), fc.constantFrom(most, -most, 0n));
};
const text = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 4 }),
  fc.constantFrom(
    "",
    "a/b=c%",
    "=",
    "%2F",
    " ",
    "\u{10ffff}",
    "\ufffd",
    "a".repeat(40),
    `${"a".repeat(32)}\u{10ffff}z`,
    "\u0001",
  ),
  fc.string({ unit: fc.constantFrom("a", "\u{10ffff}", "ü"), minLength: 30, maxLength: 40 }),
);
const float = fc.oneof(
  fc.float(),
  fc.constantFrom(Number.NaN, 0, -0, Infinity, -Infinity, Math.fround(1e-45), Math.fround(3.4e38)),
);

/** Values by type, and whether they can name a partition. */
const types: readonly (readonly [type: ColumnType, value: fc.Arbitrary<Value>, partitions: boolean])[] = [
  ["boolean", fc.boolean(), true],
  ["byte", whole(8), true],
  ["short", whole(16), true],
  ["integer", whole(32), true],
  ["long", fc.oneof(long, fc.bigInt(-3n, 3n)), true],
  ["float", float, false],
  ["double", fc.oneof(fc.double(), fc.constantFrom(Number.NaN, 0, -0, 5e-324, 1.797e308, -Infinity)), false],
  ["string", text, true],
  ["binary", fc.uint8Array({ maxLength: 4 }), false],
  ["date", fc.integer({ min: -719_162, max: 2_932_896 }), true],
  ["timestamp", moment, true],
  ["timestamp_ntz", moment, true],
  ["decimal(5,2)", digits(5), true],
  ["decimal(18,0)", digits(18), true],
  ["decimal(38,12)", digits(38), true],
];

const operators = ["eq", "gt", "gte", "lt", "lte"] as const;

/** The form in which a value is compared; undefined for one that nothing is compared with. */
function literal(type: ColumnType, value: Value): PredicateValue | undefined {
  const decimal = decimalOf(type);
  if (decimal !== undefined) return decimalText(value as bigint, decimal.scale);
  return value instanceof Uint8Array || Number.isNaN(value) ? undefined : (value as PredicateValue);
}

/** The oracle: whether a row satisfies a condition. */
function satisfies(value: Value | null, operator: (typeof operators)[number], bound: Value): boolean {
  if (value === null) return false;
  const order =
    typeof value === "string" ? Buffer.compare(Buffer.from(value), Buffer.from(String(bound))) : orderOf(value, bound);
  if (order === undefined) return false;
  return { eq: order === 0, gt: order > 0, gte: order >= 0, lt: order < 0, lte: order <= 0 }[operator];
}

function orderOf(a: Value, b: Value): number | undefined {
  if (Number.isNaN(a) || Number.isNaN(b)) return undefined;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Values in small files, and what is asked of them. */
interface Case {
  readonly files: (Value | null)[][];
  readonly bounds: [made: Value, own: boolean, operator: (typeof operators)[number]][];
  readonly picks: number[];
}

const casesOf = (value: fc.Arbitrary<Value>): fc.Arbitrary<Case> => {
  const some = fc.option(value, { nil: null, freq: 5 });
  return fc.record({
    files: fc.array(fc.array(some, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 5 }),
    bounds: fc.array(fc.tuple(value, fc.boolean(), fc.constantFrom(...operators)), { minLength: 3, maxLength: 6 }),
    picks: fc.array(fc.nat(99), { minLength: 6, maxLength: 6 }),
  });
};

async function check(
  codec: ParquetCodec,
  type: ColumnType,
  { files, bounds, picks }: Case,
  partitionBy: readonly string[],
): Promise<void> {
  const table = await openLake({ objects: memoryObjectStore(), codec }).table("t", { partitionBy });
  const all: (Value | null)[] = [];
  for (const values of files) {
    // A partition cannot be told from a null by an empty name.
    const kept = partitionBy.length === 0 ? values : values.filter((value) => value !== "");
    if (kept.length === 0) continue;
    const ids = kept.map((_, index) => BigInt(all.length + index));
    await table.append(batchFrom({ id: ["long", ids], x: [type, kept] }));
    all.push(...kept);
  }
  if (all.length === 0) return;
  const idsOf = async (condition: Condition): Promise<number[]> =>
    (await rowsOf(table.scan({ where: { x: condition } }))).map(({ id }) => Number(id)).sort((a, b) => a - b);
  const where = (holds: (value: Value | null) => boolean): number[] =>
    all.flatMap((value, id) => (holds(value) ? [id] : []));
  const shown = (await rowsOf(table.scan())).sort((a, b) => Number(a["id"]) - Number(b["id"]));
  expect(shown.map(({ x }) => x)).toEqual(all);
  expect(await idsOf({ null: true })).toEqual(where((value) => value === null));
  expect(await idsOf({ null: false })).toEqual(where((value) => value !== null));
  for (const [index, [made, own, operator]] of bounds.entries()) {
    // Half of the bounds are values that are there.
    const bound = (own ? all[(picks[index] ?? 0) % all.length] : made) ?? made;
    const compared = literal(type, bound);
    if (compared === undefined) continue;
    const found = await idsOf({ [operator]: compared });
    expect(found, `x ${operator} ${String(compared)}`).toEqual(where((value) => satisfies(value, operator, bound)));
    const either = await idsOf({ in: [compared] });
    expect(either, `x in [${String(compared)}]`).toEqual(where((value) => satisfies(value, "eq", bound)));
  }
}

describe("statistics and partition values", () => {
  it.each(types)("of %s skip no file that holds a row that is asked for", async (type, value) => {
    const holds = fc.asyncProperty(casesOf(value), (given) => check(hyparquet(), type, given, []));
    await expect(fc.assert(holds, { numRuns: 25 })).resolves.toBeUndefined();
  });

  it.each(types.filter(([, , partitions]) => partitions))(
    "of %s name partitions, each by its value",
    async (type, value) => {
      const holds = fc.asyncProperty(casesOf(value), (given) => check(hyparquet(), type, given, ["x"]));
      await expect(fc.assert(holds, { numRuns: 15 })).resolves.toBeUndefined();
    },
  );

  it("skip none where DuckDB reads the files either", async () => {
    await using codec = duckdb({ threads: 1 });
    for (const [type, value] of types) {
      const holds = fc.asyncProperty(casesOf(value), (given) => check(codec, type, given, []));
      await expect(fc.assert(holds, { numRuns: 2 })).resolves.toBeUndefined();
    }
  }, 120_000);

  it("of times and days beyond the years that have a name are refused as partitions, and kept as rows", async () => {
    const beyond: readonly (readonly [ColumnType, Value])[] = [
      ["timestamp", 2n ** 62n],
      ["timestamp", -(2n ** 62n)],
      ["timestamp_ntz", 2_932_897n * day],
      ["date", 2_932_897],
      ["date", -(2 ** 31)],
    ];
    for (const [type, value] of beyond) {
      const rows = batchFrom({ id: ["long", [1n]], x: [type, [value]] });
      const lake = openLake({ objects: memoryObjectStore(), codec: hyparquet() });
      const refused = await (
        await lake.table("p", { partitionBy: ["x"] })
      )
        .append(rows)
        .catch((error: unknown) => error);
      expect(isAshlarError(refused, "PARTITION_INVALID"), String(refused)).toBe(true);
      const table = await lake.table("r");
      await table.append(rows);
      expect(await rowsOf(table.scan({ where: { x: { null: false } } }))).toEqual([{ id: 1n, x: value }]);
    }
  });
});
