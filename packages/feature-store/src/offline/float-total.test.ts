import fc from "fast-check";
import { expect, it } from "vitest";
import { fromUnits, toUnits } from "./double-units.ts";
import { FloatTotal } from "./float-total.ts";

it("has a mean between the numbers, also where their sum is beyond all doubles", () => {
  const number = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.constantFrom(Number.MAX_VALUE, -Number.MAX_VALUE, 1.7e308, 1e308, 5e-324),
  );
  const property = fc.property(fc.array(number, { minLength: 1, maxLength: 12 }), (values) => {
    const total = new FloatTotal();
    for (const value of values) total.move(value, 1);
    const sum = values.reduce((units, value) => units + toUnits(value), 0n);
    const mean = total.mean(values.length);
    const exact = fromUnits(sum / BigInt(values.length));
    expect(Math.abs(mean / 2 - exact / 2)).toBeLessThanOrEqual(Math.abs(exact) * 1e-15 + Number.MIN_VALUE);
    expect(mean).toBeGreaterThanOrEqual(Math.min(...values));
    expect(mean).toBeLessThanOrEqual(Math.max(...values));
  });
  fc.assert(property);
});

it("has no mean that is finite where a number is not", () => {
  const total = new FloatTotal();
  for (const value of [Number.MAX_VALUE, Number.MAX_VALUE, Infinity]) total.move(value, 1);
  expect(total.mean(3)).toBe(Infinity);
  total.move(Number.NaN, 1);
  expect(total.mean(4)).toBeNaN();
});
