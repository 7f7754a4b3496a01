import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { auc, baseRate, brier, logLoss } from "./metrics.ts";

describe("metrics", () => {
  it("counts pairs for the AUC, ties as half", () => {
    const rows = fc.array(fc.record({ label: fc.integer({ min: 0, max: 1 }), score: fc.integer({ min: 0, max: 5 }) }));
    fc.assert(
      fc.property(rows, (sample) => {
        let won = 0;
        let pairs = 0;
        for (const p of sample.filter(({ label }) => label === 1)) {
          for (const n of sample.filter(({ label }) => label === 0)) {
            pairs += 1;
            won += p.score > n.score ? 1 : p.score === n.score ? 0.5 : 0;
          }
        }
        const found = auc(
          sample.map(({ label }) => label),
          sample.map(({ score }) => score),
        );
        // Without both classes there are no pairs, and both sides are NaN.
        expect(Object.is(found, won / pairs) || Math.abs(found - won / pairs) < 1e-12).toBe(true);
      }),
    );
  });

  it("has no AUC of scores that are no numbers", () => {
    expect(auc([0, 1, 1], [0.2, Number.NaN, 0.7])).toBeNaN();
    expect(auc([0, 1], Float64Array.of(Number.NaN, Number.NaN))).toBeNaN();
    expect(auc([0, 1], [-Infinity, Infinity])).toBe(1);
  });

  it("are the same of labels that are truth values or 64-bit integers", () => {
    const scores = [0.8, 0.4, 0.6];
    for (const metric of [auc, logLoss, brier, (labels: Parameters<typeof auc>[0]) => baseRate(labels)]) {
      const expected = metric([1, 0, 0], scores);
      expect(metric([true, false, false], scores)).toBe(expected);
      expect(metric(BigInt64Array.of(1n, 0n, 0n), scores)).toBe(expected);
    }
  });

  it("agrees with figures worked by hand", () => {
    expect(logLoss([1, 0], [0.8, 0.4])).toBeCloseTo((-Math.log(0.8) - Math.log(0.6)) / 2, 12);
    expect(logLoss([1], [0])).toBeLessThan(40);
    expect(brier([1, 0], [0.8, 0.4])).toBeCloseTo(0.1, 12);
    expect(baseRate([1, 0, 0, 1])).toBe(0.5);
  });
});
