import { memoryObjectStore } from "@ashlar/core/memory";
import fc from "fast-check";
import { expect, it } from "vitest";
import { batchFrom, mean, openLake, quantile, stddev } from "../lake/index.ts";
import { hyparquet } from "../parquet/hyparquet.ts";
import { Moments } from "./moments.ts";

it("is that of the numbers at any size", () => {
  const plain = fc.array(fc.double({ noNaN: true, min: -1000, max: 1000 }), { minLength: 1, maxLength: 20 });
  // By a power of two, so that the moments have the same digits at every size.
  const property = fc.property(plain, fc.integer({ min: -1000, max: 1013 }), (numbers, exponent) => {
    const values = numbers.map((number) => (Math.abs(number) < 1e-3 ? 0 : number));
    const size = 2 ** exponent;
    const moments = new Moments();
    for (const value of values) moments.add(value * size);
    const average = values.reduce((sum, value) => sum + value, 0) / values.length;
    const squares = values.reduce((sum, value) => sum + (value - average) ** 2, 0);
    const deviation = values.length === 1 ? 0 : Math.sqrt(squares / (values.length - 1));
    expect(moments.mean / size).toBeCloseTo(average, 8);
    expect(moments.stddev / size).toBeCloseTo(deviation, 6);
  });
  fc.assert(property);
});

it("lets numbers at the ends of doubles pass that satisfy what is expected of them", async () => {
  const table = await openLake({ objects: memoryObjectStore(), codec: hyparquet() }).table("t");
  const most = Number.MAX_VALUE;
  const balanced = mean("x", { min: -1, max: 1 });
  const median = quantile("x", 0.5, { min: -1, max: 1 });
  const quarter = quantile("x", 0.25, { min: -0.51 * most, max: -0.49 * most });
  const near = (least: number, greatest: number) => stddev("x", { min: least, max: greatest });
  const spread = [most / 2, -most / 2, most * 0.75, -most * 0.75];
  await table.append(batchFrom({ x: ["double", spread] }), { expect: [balanced, median, near(1.3e308, 1.4e308)] });
  await table.append(batchFrom({ x: ["double", [-most, most]] }), { expect: [balanced, median, quarter] });
  await table.append(batchFrom({ x: ["double", [1e-200, 3e-200]] }), { expect: [near(1.4e-200, 1.5e-200)] });
  expect((await table.snapshot()).rows).toBe(8);
});
