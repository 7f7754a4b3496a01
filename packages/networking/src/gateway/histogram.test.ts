import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createHistogram } from "./histogram.ts";

describe("createHistogram", () => {
  it("is within 5 % of the sorted list", () => {
    const values = fc.array(fc.double({ min: 0.01, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(values, fc.constantFrom(0.5, 0.9, 0.99, 1), (list, share) => {
        const histogram = createHistogram();
        for (const value of list) histogram.record(value);
        const exact = list.toSorted((a, b) => a - b)[Math.ceil(share * list.length) - 1] as number;
        expect(histogram.quantile(share) / exact).toBeGreaterThan(0.999);
        expect(histogram.quantile(share) / exact).toBeLessThan(1.05);
      }),
    );
  });

  it("is 0 when nothing was recorded", () => {
    expect(createHistogram().quantile(0.99)).toBe(0);
  });
});
