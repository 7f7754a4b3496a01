import fc from "fast-check";
import { expect, test } from "vitest";

import { Histogram } from "./histogram.ts";

test("a quantile is the true one or at most 6.25 % above it", () => {
  const values = fc.array(fc.integer({ min: 0, max: 10_000_000 }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(values, fc.constantFrom(0.5, 0.9, 0.99, 1), (recorded, share) => {
      const histogram = new Histogram();
      for (const value of recorded) histogram.record(value);
      const sorted = [...recorded].sort((a, b) => a - b);
      const exact = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
      const found = histogram.quantile(share);
      expect(found).toBeGreaterThanOrEqual(exact);
      expect(found).toBeLessThanOrEqual(exact * 1.0625);
      expect(histogram.count).toBe(recorded.length);
    }),
  );
});
