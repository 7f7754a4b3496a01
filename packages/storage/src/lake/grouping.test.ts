import * as fc from "fast-check";
import { expect, it } from "vitest";
import { batchFrom } from "../parquet/batch-from.ts";
import { columnsOf } from "../parquet/column.ts";
import { groups } from "./grouping.ts";

const text = fc.constantFrom("a", "b", "ab", "ba", "", "ü", null);
const number = fc.constantFrom(1, 2, null);

it("puts the rows together that have the same values, in the order of the first of each", () => {
  const rows = fc.oneof(
    fc.array(fc.tuple(text, number), { minLength: 1, maxLength: 40 }),
    // Runs of one text, and texts that begin where others end.
    fc
      .tuple(text, fc.integer({ min: 1, max: 40 }))
      .map(([only, times]) => Array.from({ length: times }, () => [only, 1] as const)),
    fc
      .array(fc.constantFrom("ab", "ba"), { minLength: 1, maxLength: 9 })
      .map((all) => all.map((one) => [one, 2] as const)),
  );
  const property = fc.property(rows, fc.nat({ max: 5 }), fc.boolean(), (given, from, both) => {
    const batch = batchFrom({ t: ["string", given.map(([t]) => t)], n: ["integer", given.map(([, n]) => n)] });
    const start = Math.min(from, given.length - 1);
    const columns = columnsOf(batch.slice(start) as typeof batch).slice(0, both ? 2 : 1);
    const expected = Map.groupBy(given.slice(start).keys(), (row) => {
      const [t, n] = given[start + row] ?? [];
      return JSON.stringify(both ? [t, n] : [t]);
    });
    expect(groups(columns, given.length - start).map((group) => [...group])).toEqual([...expected.values()]);
  });
  fc.assert(property, { numRuns: 500 });
});
