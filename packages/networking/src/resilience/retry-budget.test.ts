import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { retryBudget } from "./retry-budget.ts";

describe("retryBudget", () => {
  it("never lets through more retries than the share of first tries and the reserve", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 100 }),
        fc.integer({ min: 0, max: 20 }),
        fc.array(fc.boolean(), { maxLength: 500 }),
        (percent, reserve, moves) => {
          const budget = retryBudget({ ratio: percent / 100, reserve });
          let [first, retries] = [0, 0];
          for (const isFirst of moves) {
            if (isFirst) {
              budget.deposit();
              first += 1;
            } else if (budget.withdraw()) retries += 1;
            expect(retries).toBeLessThanOrEqual(reserve + (first * percent) / 100 + 1e-9);
          }
        },
      ),
    );
  });

  it("gives the whole share when it is asked often enough", () => {
    const budget = retryBudget({ ratio: 0.1, reserve: 0 });
    let retries = 0;
    for (let request = 0; request < 1000; request += 1) {
      budget.deposit();
      if (budget.withdraw()) retries += 1;
    }
    expect(retries).toBe(100);
  });

  it.each([-0.1, 1.1, Number.NaN])("refuses the ratio %d", (ratio) => {
    expect(() => retryBudget({ ratio })).toThrow("retry.budget");
  });
});
