import fc from "fast-check";
import { expect, it } from "vitest";
import { accumulator } from "./accumulator.ts";
import { FloatTotal } from "./float-total.ts";
import type { Measure } from "./measure.ts";

it("sums integers of floats and of bigints to the same deviation, to the bit", () => {
  const values = fc.array(fc.integer({ min: -(2 ** 52), max: 2 ** 52 }), { minLength: 1, maxLength: 12 });
  const property = fc.property(values, (given) => {
    const base = { values: Float64Array.from(given), valid: undefined, sumIsExact: false, squaresAreExact: false };
    const measures: Measure[] = [
      { ...base, exact: undefined, integer: false },
      { ...base, exact: BigInt64Array.from(given, BigInt), integer: true },
    ];
    const [float, integer] = measures.map((measure) => {
      const state = accumulator({ aggregate: "stddev" }, measure);
      for (let row = 0; row < given.length; row++) state.add(row);
      return state.value;
    });
    expect(float).toBe(integer);
  });
  fc.assert(property, { numRuns: 1_000 });
});

it("has a deviation of the greatest doubles too", () => {
  const values = Float64Array.of(1e150, 3e150, 1e150, 3e150);
  const base = { exact: undefined, valid: undefined, sumIsExact: false, squaresAreExact: false, integer: false };
  const deviation = accumulator({ aggregate: "stddev" }, { ...base, values });
  for (let row = 0; row < values.length; row++) deviation.add(row);
  expect(deviation.value).toBeCloseTo(1e150, -136);
});

it("forgets NaN and infinities once they have left", () => {
  const sum = new FloatTotal();
  sum.move(2.5, 1);
  for (const value of [NaN, Infinity, -Infinity]) sum.move(value, 1);
  expect(sum.value).toBeNaN();
  sum.move(NaN, -1);
  sum.move(-Infinity, -1);
  expect(sum.value).toBe(Infinity);
  sum.move(Infinity, -1);
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
