import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sortByTime } from "./sort-rows.ts";
import { ordinals } from "./timeline.ts";

/** Rows in order of time by comparison, equal ones as they stand. */
function naive(rows: Uint32Array, times: Float64Array): number[] {
  return Array.from(rows).sort((a, b) =>
    times[a] === times[b] ? 0 : (times[a] as number) < (times[b] as number) ? -1 : 1,
  );
}

/** Enough rows for the radix sort, with many ties. */
const size = 3000;
const spread = (i: number, over: number): number => (i * 7919) % over;

describe("sorting rows by time", () => {
  it.each([
    ["minutes", 60_000_000, 500],
    ["seconds far apart", 1_000_000, 2_000_000_000],
    ["milliseconds", 1_000, 9_000_000],
    ["microseconds over half a century", 1, 1.6e15],
  ])("is stable and right for %s", (_name, unit, over) => {
    const times = Float64Array.from(
      { length: size },
      (_, i) => -3e14 + Math.floor(spread(i, 997) * (over / 997)) * unit,
    );
    times[7] = Infinity;
    times[11] = Infinity;
    const sorted = sortByTime(ordinals(size), times);
    expect(Array.from(sorted)).toEqual(naive(ordinals(size), times));
    const backwards = ordinals(size).reverse();
    expect(Array.from(sortByTime(backwards, times))).toEqual(naive(backwards, times));
  });

  it("gives rows that are in order back as they are", () => {
    const rows = ordinals(size);
    expect(sortByTime(rows, Float64Array.from(rows))).toBe(rows);
  });

  it("equals a sort by comparison on any times", () => {
    const time = fc.oneof(fc.maxSafeInteger(), fc.integer({ min: 0, max: 9 }), fc.constant(Infinity));
    fc.assert(
      fc.property(fc.array(time, { minLength: 1, maxLength: 40 }), fc.boolean(), (few, many) => {
        const length = many ? size : few.length;
        const times = Float64Array.from({ length }, (_, i) => few[spread(i, few.length)] as number);
        expect(Array.from(sortByTime(ordinals(length), times))).toEqual(naive(ordinals(length), times));
      }),
      { numRuns: 60 },
    );
  });
});
