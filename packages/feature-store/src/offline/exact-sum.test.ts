import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Measure } from "./measure.ts";
import { accumulator } from "./accumulator.ts";
import { toUnits } from "./double-units.ts";
import { ExactFloatSum } from "./exact-sum.ts";

const term = fc.oneof(
  fc.double({ noNaN: true, min: -1e140, max: 1e140 }),
  fc.constantFrom(0.1, 0.2, 0.7, 1e16, -1e16, 1e-9),
);

describe("an exact sum", () => {
  it("is what it was before terms came and left, in whatever order", () => {
    fc.assert(
      fc.property(fc.array(term), fc.array(term), (stay, leave) => {
        const sum = new ExactFloatSum();
        for (const value of [...stay, ...leave]) sum.add(value);
        for (const value of leave.toReversed()) sum.add(-value);
        const wanted = new ExactFloatSum();
        for (const value of stay.toReversed()) wanted.add(value);
        expect([sum.parts, sum.value]).toEqual([wanted.parts, wanted.value]);
        for (const part of wanted.parts) sum.add(-part);
        expect(sum.parts).toEqual([]);
      }),
    );
  });

  it("is the double nearest to it, of the greatest and the least terms too", () => {
    const any = fc.oneof(
      term,
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.constantFrom(1.7e308, -1.7e308, 5e-324),
    );
    const property = fc.property(fc.array(any, { maxLength: 12 }), (terms) => {
      const sum = new ExactFloatSum();
      for (const value of terms) sum.add(value);
      const units = terms.reduce((total, value) => total + toUnits(value), 0n);
      // Engines read the decimal digits of a number to the nearest double.
      const digits = (units * 5n ** 1074n).toString();
      expect([sum.value, sum.units]).toEqual([Number(`${digits}e-1074`) + 0, units]);
      const parted = new ExactFloatSum();
      parted.addUnits(units);
      expect(parted.value).toBe(sum.value);
    });
    fc.assert(property, { numRuns: 500 });
  });

  it("multiplies without rounding", () => {
    const sum = new ExactFloatSum();
    sum.addProduct(0.1, 0.3);
    sum.addProduct(-0.3, 0.1);
    sum.addProduct(2 ** 53 + 2, 2 ** 53 + 2);
    sum.addProduct(-1, 2 ** 106);
    sum.addProduct(-1, 2 ** 55);
    expect(sum.value).toBe(4);
  });
});

describe("the deviation of a moving window", () => {
  const over = (values: readonly number[]) =>
    accumulator({ aggregate: "stddev" }, {
      values: Float64Array.from(values),
      exact: undefined,
      valid: undefined,
      sumIsExact: false,
      squaresAreExact: false,
      integer: false,
    } satisfies Measure);

  it("of equal values is 0, whatever greater ones were there before", () => {
    // Below this the square of a number has no digits of its own.
    const equal = term.filter((value) => value === 0 || Math.abs(value) > 1e-140);
    const proof = fc.property(
      fc.array(term, { minLength: 1 }),
      fc.integer({ min: 1, max: 20 }),
      equal,
      (before, count, value) => {
        const deviation = over([...before, ...Array.from({ length: count }, () => value)]);
        for (let row = 0; row < before.length + count; row++) deviation.add(row);
        for (let row = 0; row < before.length; row++) deviation.remove(row);
        return deviation.value === 0;
      },
    );
    expect(() => fc.assert(proof)).not.toThrow();
  });

  it("is that of a window made anew, to the bit", () => {
    const values = fc.array(fc.double({ noNaN: true, min: -1e9, max: 1e9 }), { minLength: 1 });
    const proof = fc.property(values, values, (before, after) => {
      const moved = over([...before, ...after]);
      const fresh = over(after);
      for (let row = 0; row < before.length + after.length; row++) moved.add(row);
      for (let row = 0; row < before.length; row++) moved.remove(row);
      for (let row = 0; row < after.length; row++) fresh.add(row);
      return moved.value === fresh.value;
    });
    expect(() => fc.assert(proof)).not.toThrow();
  });

  it("is no number while an infinity or NaN is in it, and one again when they have left", () => {
    const deviation = over([Infinity, NaN, 1, 3]);
    for (let row = 0; row < 4; row++) deviation.add(row);
    expect(deviation.value).toBeNaN();
    deviation.remove(0);
    expect(deviation.value).toBeNaN();
    deviation.remove(1);
    expect(deviation.value).toBe(1);
  });
});
