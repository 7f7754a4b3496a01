import fc from "fast-check";
import { expect, it } from "vitest";
import { accumulator } from "./accumulator.ts";
import type { Measure } from "./measure.ts";
import { RunningSum } from "./running-sum.ts";

it("leaves no trace of what has left, however large it was", () => {
  const terms = fc.array(fc.integer({ min: -1_000_000, max: 1_000_000 }), { maxLength: 20 });
  const passing = fc.array(fc.double({ min: -1e15, max: 1e15, noNaN: true }), { maxLength: 20 });
  fc.assert(
    fc.property(terms, passing, (staying, leaving) => {
      const sum = new RunningSum();
      for (const value of leaving) sum.add(value);
      for (const value of staying) sum.add(value / 8);
      for (const value of leaving) sum.remove(value);
      const wanted = staying.reduce((total, value) => total + value, 0) / 8;
      expect(Math.abs(sum.value - wanted)).toBeLessThan(1e-12);
    }),
  );
});

it("forgets NaN and infinities once they have left", () => {
  const sum = new RunningSum();
  sum.add(2.5);
  for (const value of [NaN, Infinity, -Infinity]) sum.add(value);
  expect(sum.value).toBeNaN();
  sum.remove(NaN);
  sum.remove(-Infinity);
  expect(sum.value).toBe(Infinity);
  sum.remove(Infinity);
  expect(sum.value).toBe(2.5);
});

it("sums and spreads integers beyond 2^53 exactly", () => {
  const exact = BigInt64Array.of(2n ** 62n, 2n ** 62n - 1n, 3n, 5n);
  const values = Float64Array.from(exact, Number);
  const measure: Measure = {
    values,
    exact,
    valid: undefined,
    sumIsExact: false,
    squaresAreExact: false,
    integer: true,
  };
  const sum = accumulator({ aggregate: "sum" }, measure);
  const deviation = accumulator({ aggregate: "stddev" }, measure);
  for (const state of [sum, deviation]) for (const row of [0, 1, 2, 3]) state.add(row);
  expect(sum.integer).toBe(2n ** 63n + 7n);
  for (const state of [sum, deviation]) for (const row of [0, 1]) state.remove(row);
  expect([sum.integer, deviation.value]).toEqual([8n, 1]);
});

it("finds the small deviation of large floats", () => {
  const values = Float64Array.of(1e9 + 0.25, 1e9 + 0.75, 1e15);
  const measure: Measure = {
    values,
    exact: undefined,
    valid: undefined,
    sumIsExact: false,
    squaresAreExact: false,
    integer: false,
  };
  const deviation = accumulator({ aggregate: "stddev" }, measure);
  for (const row of [0, 1, 2]) deviation.add(row);
  deviation.remove(2);
  expect(deviation.value).toBeCloseTo(0.25, 6);
});
