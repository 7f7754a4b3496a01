import type { RecordBatch } from "apache-arrow";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { inspectRows } from "../../test/inspect-rows.ts";
import { batchFrom } from "../parquet/batch-from.ts";
import { notNull, rows, unique } from "./index.ts";

type Row = readonly [number | null, string | null];

/** Rows in batches of some sizes, numbered through. */
function batchesOf(given: readonly Row[], size: number): RecordBatch[] {
  const batches: RecordBatch[] = [];
  for (let start = 0; start === 0 || start < given.length; start += size) {
    const part = given.slice(start, start + size);
    batches.push(
      batchFrom({
        n: ["double", part.map(([n]) => n)],
        s: ["string", part.map(([, s]) => s)],
        row: ["integer", part.map((_, index) => start + index)],
      }),
    );
  }
  return batches;
}

/** 0 and -0 are one, and NaN is NaN: as in a Map. */
const sameKey = (a: Row, b: Row): boolean => new Set([a[0]]).has(b[0]) && a[1] === b[1];
const hasNull = (row: Row): boolean => row.includes(null);

const row: fc.Arbitrary<Row> = fc.tuple(
  fc.constantFrom(0, -0, 1, Number.NaN, 1.5, null),
  fc.constantFrom("", "a", "1:a", "b", null),
);

describe("unique", () => {
  it("sets aside every row but the first with a key, over all batches", async () => {
    const property = fc.asyncProperty(
      fc.array(row, { maxLength: 40 }),
      fc.integer({ min: 1, max: 50 }),
      async (given, size) => {
        const again = given.flatMap((one, index) =>
          !hasNull(one) && given.slice(0, index).some((other) => sameKey(one, other)) ? [index] : [],
        );
        const { setAside, results } = await inspectRows([unique(["n", "s"])], batchesOf(given, size));
        expect([...setAside.keys()]).toEqual(again);
        expect(results[0]).toMatchObject({ kind: "unique", checked: given.length, violations: again.length });
      },
    );
    await fc.assert(property, { numRuns: 100 });
  });

  it("within the table counts the rows before, and without it does not", async () => {
    const property = fc.asyncProperty(fc.array(row), fc.array(row), async (before, given) => {
      const known = before.filter((one) => !hasNull(one));
      const again = given.flatMap((one, index) => {
        const seen = !hasNull(one) && known.some((other) => sameKey(one, other));
        if (!seen && !hasNull(one)) known.push(one);
        return seen ? [index] : [];
      });
      const options = { before: batchesOf(before, 100) };
      const expectation = unique(["n", "s"], { within: "table" });
      expect([...(await inspectRows([expectation], batchesOf(given, 7), options)).setAside.keys()]).toEqual(again);
    });
    await fc.assert(property, { numRuns: 50 });
  });

  it("does not count rows that are set aside for another reason, and tells all reasons", async () => {
    const given: Row[] = [
      [1, "bad"],
      [1, "good"],
      [1, "bad"],
    ];
    const expectations = [unique(["n"]), rows("is good", ({ s }) => s === "good", { columns: ["s"] })];
    const { setAside } = await inspectRows(expectations, batchesOf(given, 10));
    expect([...setAside]).toEqual([
      [0, ['rows("is good")']],
      [2, ['rows("is good")', 'unique(["n"])']],
    ]);
  });

  it("needs a column", () => {
    expect(() => unique([])).toThrow(expect.objectContaining({ code: "EXPECTATION_INVALID" }));
  });
});

it("rows are judged by any predicate over any of their columns", async () => {
  const property = fc.asyncProperty(fc.array(row), fc.boolean(), async (given, all) => {
    const holds = ([n, s]: Row): boolean => (s ?? "").length > (n ?? 0);
    const predicate = rows(
      "longer",
      ({ n, s }) => holds([n as number | null, s as string | null]),
      all ? {} : { columns: ["n", "s"] },
    );
    const expected = given.flatMap((one, index) => (holds(one) ? [] : [index]));
    expect([...(await inspectRows([predicate], batchesOf(given, 9))).setAside.keys()]).toEqual(expected);
  });
  await fc.assert(property, { numRuns: 50 });
});

it("a severity of its own goes before that of the write", async () => {
  const given: Row[] = [
    [1, null],
    [null, "b"],
  ];
  const expectations = [notNull("s", { severity: "warn" }), notNull("n", { severity: "quarantine" })];
  const { setAside, results, warnings } = await inspectRows(expectations, batchesOf(given, 10), {
    onViolation: "fail",
  });
  expect([...setAside]).toEqual([[1, ['notNull("n")']]]);
  expect(results.map(({ outcome }) => outcome)).toEqual(["warned", "quarantined"]);
  expect(warnings).toEqual([{ table: "t", expectation: 'notNull("s")', violations: 1, observed: undefined }]);
  const failing = inspectRows([notNull("n", { severity: "fail" })], batchesOf(given, 10), { onViolation: "warn" });
  await expect(failing).rejects.toMatchObject({ code: "EXPECTATION_FAILED", details: { rows: 1, example: "null" } });
});
