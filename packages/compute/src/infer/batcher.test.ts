import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { planBatch } from "./batcher.ts";

const none = { maxRows: 8, preferredRows: [], delayMs: 5 };

describe("Triton's batching rule", () => {
  test("runs a full batch at once, and any other when its oldest request has waited", () => {
    expect(planBatch([4, 4, 1], none, 0)).toEqual({ count: 2 });
    expect(planBatch([4, 3], none, 0)).toEqual({ waitMs: 5 });
    expect(planBatch([4, 3], none, 5)).toEqual({ count: 2 });
    expect(planBatch([4, 3], { ...none, delayMs: 0 }, 0)).toEqual({ count: 2 });
  });

  test("takes the largest preferred size that the first requests make up exactly", () => {
    const preferred = { ...none, preferredRows: [2, 4] };
    expect(planBatch([2, 2, 2], preferred, 0)).toEqual({ count: 2 });
    expect(planBatch([3, 2], preferred, 0)).toEqual({ waitMs: 5 });
    expect(planBatch([3, 2], preferred, 6)).toEqual({ count: 2 });
  });

  test("a request is never split nor overtaken: what does not fit ends the batch, which is then full", () => {
    expect(planBatch([5, 6, 1], none, 0)).toEqual({ count: 1 });
    expect(planBatch([9], none, 0)).toEqual({ count: 1 });
  });

  test("agrees with the rule read word for word", () => {
    const policies = fc.record({
      maxRows: fc.integer({ min: 1, max: 16 }),
      preferredRows: fc.uniqueArray(fc.integer({ min: 1, max: 16 }), { maxLength: 3 }),
      delayMs: fc.constantFrom(0, 5),
    });
    const rows = fc.array(fc.integer({ min: 1, max: 16 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(rows, policies, fc.integer({ min: 0, max: 10 }), (waiting, policy, waited) => {
        const requests = waiting.map((count) => Math.min(count, policy.maxRows));
        const sum = (count: number): number => requests.slice(0, count).reduce((a, b) => a + b, 0);
        const counts = requests.map((_, index) => index + 1).filter((count) => sum(count) <= policy.maxRows);
        const largest = Math.max(...counts);
        const preferred = counts.filter((count) => policy.preferredRows.includes(sum(count)));
        const grows = largest === requests.length && sum(largest) < policy.maxRows;
        const expected =
          preferred.length > 0
            ? { count: Math.max(...preferred) }
            : grows && waited < policy.delayMs
              ? { waitMs: policy.delayMs - waited }
              : { count: largest };
        expect(planBatch(requests, policy, waited)).toEqual(expected);
      }),
    );
  });
});
