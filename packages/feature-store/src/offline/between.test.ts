import fc from "fast-check";
import { expect, it } from "vitest";
import { between } from "./between.ts";

it("lies between any two finite numbers, and is the lesser, the greater or the middle where that is asked", () => {
  const number = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constantFrom(1.7e308, -1.7e308));
  const property = fc.property(number, number, fc.double({ noNaN: true, min: 0, max: 1 }), (a, b, share) => {
    const [low, high] = [Math.min(a, b), Math.max(a, b)];
    const found = between(low, high, share);
    expect(found).toSatisfy(Number.isFinite);
    // Half the range is always a double.
    const error = 1e-15 * Math.max(Math.abs(low), Math.abs(high)) + Number.MIN_VALUE;
    expect(Math.abs(found / 2 - (low / 2 + (high / 2 - low / 2) * share))).toBeLessThanOrEqual(error);
    expect(between(low, high, 0) + 0).toBe(low + 0);
  });
  fc.assert(property);
  expect(between(-Number.MAX_VALUE, Number.MAX_VALUE, 0.5)).toBe(0);
  expect(between(-Infinity, 5, 0.5)).toBeNaN();
});
