import type { RecordBatch } from "apache-arrow";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { inspectRows } from "../../test/inspect-rows.ts";
import { batchFrom } from "../parquet/batch-from.ts";
import type { ColumnType, Scalar } from "../parquet/column-type.ts";
import {
  distribution,
  type Expectation,
  freshWithin,
  mean,
  notNull,
  nullShare,
  quantile,
  rowCount,
  stddev,
  type TableExpectation,
} from "./index.ts";

type Values = readonly (Scalar | null)[];

function batches(type: ColumnType, values: Values, size = 7): RecordBatch[] {
  const made: RecordBatch[] = [];
  for (let start = 0; start === 0 || start < values.length; start += size) {
    made.push(batchFrom({ v: [type, values.slice(start, start + size)] }));
  }
  return made;
}

async function observed(expectation: Expectation, type: ColumnType, values: Values, before?: Values): Promise<unknown> {
  const options = { onViolation: "warn" as const, ...(before === undefined ? {} : { before: batches(type, before) }) };
  return (await inspectRows([expectation], batches(type, values), options)).results[0]?.observed;
}

/** About this number; null for none. */
const about = (value: number | undefined, digits: number): unknown =>
  value === undefined ? null : expect.closeTo(value, digits);

const anything = { min: -Infinity, max: Infinity };
const number = fc.double({ min: -1e6, max: 1e6, noNaN: true });
const column = fc.array(fc.option(number, { nil: null }), { maxLength: 60 });
const present = (values: Values): number[] => values.flatMap((value) => (value === null ? [] : [Number(value)]));

describe("what all rows are expected to be together is measured as a naive reading does:", () => {
  it("mean and standard deviation", async () => {
    const property = fc.asyncProperty(column, async (values) => {
      const numbers = present(values);
      const average = numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
      const squares = numbers.reduce((sum, value) => sum + (value - average) ** 2, 0);
      const spread = numbers.length === 1 ? 0 : Math.sqrt(squares / (numbers.length - 1));
      const some = numbers.length > 0;
      expect(await observed(mean("v", anything), "double", values)).toEqual(about(some ? average : undefined, 4));
      expect(await observed(stddev("v", anything), "double", values)).toEqual(about(some ? spread : undefined, 4));
    });
    await fc.assert(property, { numRuns: 100 });
  });

  it("quantiles", async () => {
    const property = fc.asyncProperty(column, fc.constantFrom(0, 0.1, 0.5, 0.9, 1), async (values, share) => {
      const sorted = present(values).sort((a, b) => a - b);
      const at = share * (sorted.length - 1);
      const [low, high] = [sorted[Math.floor(at)] ?? NaN, sorted[Math.ceil(at)] ?? NaN];
      const expected = sorted.length === 0 ? undefined : low + (high - low) * (at % 1);
      expect(await observed(quantile("v", share, anything), "double", values)).toEqual(about(expected, 6));
    });
    await fc.assert(property, { numRuns: 100 });
  });

  it("the share of nulls, and the number of rows that stay", async () => {
    const property = fc.asyncProperty(column, async (values) => {
      const nulls = values.filter((value) => value === null).length;
      const share = values.length === 0 ? null : nulls / values.length;
      expect(await observed(nullShare("v", { max: 1 }), "double", values)).toBe(share);
      const { results } = await inspectRows([rowCount({ min: 0 }), notNull("v")], batches("double", values));
      expect(results.find(({ kind }) => kind === "rowCount")?.observed).toBe(values.length - nulls);
    });
    await fc.assert(property, { numRuns: 50 });
  });

  it("the newest time, of timestamps and dates", async () => {
    const day = 86_400_000;
    const property = fc.asyncProperty(
      fc.array(fc.option(fc.integer({ min: -1000, max: 20_000 }), { nil: null })),
      async (days) => {
        const times = days.map((value) => (value === null ? null : BigInt(value) * BigInt(day) * 1000n));
        const numbers = present(days);
        const newest = numbers.length === 0 ? null : new Date(Math.max(...numbers) * day).toISOString();
        expect(await observed(freshWithin("v", "1d"), "date", days)).toBe(newest);
        expect(await observed(freshWithin("v", "1d"), "timestamp", times)).toBe(newest);
        expect(await observed(freshWithin("v", "1d"), "timestamp_ntz", times)).toBe(newest);
      },
    );
    await fc.assert(property, { numRuns: 50 });
  });

  it("the stability index of categories", async () => {
    const words = fc.array(fc.option(fc.constantFrom("a", "b", "c", "d"), { nil: null }), { maxLength: 60 });
    const property = fc.asyncProperty(words, words, async (before, now) => {
      const shares = (values: readonly (string | null)[]): number[] => {
        const known = values.filter((value) => value !== null);
        return ["a", "b", "c", "d"].map((word) => known.filter((value) => value === word).length / known.length);
      };
      const [old, found] = [shares(before), shares(now)];
      // What both sides lack is no bin; what the old side lacks is one together.
      const bins = old.flatMap((share, index) => (share > 0 ? [[share, found[index] ?? 0] as const] : []));
      const others = found.reduce((sum, share, index) => sum + (old[index] === 0 ? share : 0), 0);
      const pairs = others > 0 ? [...bins, [0, others] as const] : bins;
      const floor = (share: number): number => Math.max(share, 1e-4);
      const index = pairs.reduce((sum, [e, a]) => sum + (floor(a) - floor(e)) * Math.log(floor(a) / floor(e)), 0);
      const judged = !Number.isNaN(old[0]) && !Number.isNaN(found[0]);
      const expected = about(judged ? index : undefined, 8);
      expect(await observed(distribution("v", { maxPsi: 0.2 }), "string", now, before)).toEqual(expected);
    });
    await fc.assert(property, { numRuns: 100 });
  });
});

it("a distribution of numbers is stable against itself, shifted it is not, and the first version has none before", async () => {
  const values = Array.from({ length: 1000 }, (_, index) => Math.sin(index) * 50);
  const expectation = distribution("v", { maxPsi: 0.1 });
  expect(await observed(expectation, "double", values, values)).toBe(0);
  const shuffled = values.map((_, index) => values[(index * 7) % 1000] ?? 0);
  expect(await observed(expectation, "double", [...shuffled, null, Number.NaN], values)).toBeCloseTo(0, 10);
  expect(
    Number(
      await observed(
        expectation,
        "double",
        values.map((value) => value + 40),
        values,
      ),
    ),
  ).toBeGreaterThan(0.25);
  expect(await observed(expectation, "double", values)).toBeNull();
  expect(await observed(expectation, "double", [], values)).toBeNull();
});

describe("what all rows are expected to be together", () => {
  it.each<readonly [TableExpectation, ColumnType, Values]>([
    [rowCount({ min: 3 }), "long", [1n, 2n]],
    [rowCount({ max: 1 }), "long", [1n, 2n]],
    [nullShare("v", { max: 0.4 }), "long", [1n, null]],
    [mean("v", { max: 1 }), "long", [1n, 2n]],
    [mean("v", { min: 0 }), "double", [1, Number.NaN]],
    [stddev("v", { max: 0.1 }), "long", [1n, 2n]],
    [stddev("v", { max: 9 }), "double", [Number.NaN]],
    [quantile("v", 0.5, { min: 2 }), "long", [1n, 2n, 1n]],
    [quantile("v", 0.5, { min: 2 }), "double", [3, Number.NaN]],
    [freshWithin("v", "2h"), "timestamp", [-7_200_001_000n]],
    [mean("v", { max: 1.25 }), "decimal(4,2)", [126n]],
  ])("fails the write, or warns: %#", async (expectation, type, values) => {
    const failing = inspectRows([expectation], batches(type, values));
    const refusal = { code: "TABLE_EXPECTATION_FAILED", details: { expectation: expectation.name } };
    await expect(failing).rejects.toMatchObject(refusal);
    const warned = await inspectRows([{ ...expectation, severity: "warn" }], batches(type, values));
    expect(warned.results).toMatchObject([{ outcome: "warned", violations: 1, checked: values.length }]);
    expect(warned.warnings).toHaveLength(1);
  });

  it.each<readonly [TableExpectation, ColumnType, Values]>([
    [rowCount({ min: 2, max: 2 }), "long", [1n, 2n]],
    [mean("v", { max: 1.25 }), "decimal(4,2)", [125n, null]],
    [freshWithin("v", "2h"), "timestamp", [-7_200_000_000n, null]],
    [freshWithin("v", "2h"), "date", []],
    [stddev("v", { max: 0 }), "long", [5n]],
  ])("holds: %#", async (expectation, type, values) => {
    const { results } = await inspectRows([expectation], batches(type, values));
    expect(results).toMatchObject([{ outcome: "passed", violations: 0 }]);
  });

  it("cannot set rows aside, and says so by its name", async () => {
    const misused: Expectation = { ...rowCount({ min: 1 }), severity: "quarantine" as "warn" };
    const refusal = { code: "EXPECTATION_INVALID", details: { expectation: "rowCount({ min: 1 })" } };
    await expect(inspectRows([misused], batches("long", [1n]))).rejects.toMatchObject(refusal);
  });

  it("is refused for columns, ranges and shares that make no sense", async () => {
    const refusal = expect.objectContaining({ code: "EXPECTATION_INVALID" });
    for (const make of [
      () => rowCount({}),
      () => nullShare("v", { max: 1.1 }),
      () => quantile("v", -0.1, { min: 0 }),
      () => mean("v", { min: 1, max: 0 }),
      () => distribution("v", { maxPsi: -1 }),
      () => distribution("v", { maxPsi: 1, bins: 1 }),
    ]) {
      expect(make).toThrow(refusal);
    }
    expect(() => freshWithin("v", "0h")).toThrow(expect.objectContaining({ code: "DURATION_INVALID" }));
    for (const expectation of [mean("v", { min: 0 }), freshWithin("v", "1h")]) {
      await expect(inspectRows([expectation], batches("string", ["a"]))).rejects.toThrow(refusal);
    }
    await expect(inspectRows([distribution("v", { maxPsi: 1 })], batches("binary", []))).rejects.toThrow(refusal);
  });
});
