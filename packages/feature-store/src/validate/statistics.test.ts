import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Frequent } from "./frequent.ts";
import { HyperLogLog } from "../sketch/hyperloglog.ts";
import { chiSquare, jensenShannon, kolmogorovSmirnov, populationStability } from "./index.ts";
import { quantileOf } from "./quantile.ts";
import { Reservoir } from "./reservoir.ts";

const ramp = (length: number, value: (i: number) => number): Float64Array =>
  Float64Array.from({ length }, (_, i) => value(i));

// The figures are SciPy 1.17's: ks_2samp (exact), kstwobign, chi2_contingency without correction, jensenshannon to base 2.
describe("tests of two samples", () => {
  it("has SciPy's exact p-values of Kolmogorov and Smirnov", () => {
    const small = kolmogorovSmirnov(Float64Array.of(1, 2, 3, 4), Float64Array.of(3, 4, 5, 6));
    expect(small.statistic).toBe(0.5);
    expect(small.pValue).toBeCloseTo(0.7714285714285716, 12);
    const uneven = kolmogorovSmirnov(
      ramp(20, (i) => 0.1 * i),
      ramp(15, (i) => 0.1 * i + 0.55),
    );
    expect(uneven.statistic).toBeCloseTo(0.3, 12);
    expect(uneven.pValue).toBeCloseTo(0.36311512914530186, 10);
  });

  it("has SciPy's limiting p-value of large samples", () => {
    const large = kolmogorovSmirnov(
      ramp(3000, (i) => i / 3000),
      ramp(2000, (i) => (i / 2000) ** 1.05),
    );
    expect(large.statistic).toBeCloseTo(0.018333333333333368, 12);
    expect(large.pValue).toBeCloseTo(0.8147089036555909, 12);
  });

  it("has the chi-square, the distance and the index by their definitions", () => {
    const chi = chiSquare([10, 20, 30], [15, 15, 40]);
    expect(chi).toMatchObject({ degreesOfFreedom: 2 });
    expect(chi.statistic).toBeCloseTo(2.3877551020408165, 12);
    expect(chi.pValue).toBeCloseTo(0.30304391468510006, 12);
    expect(jensenShannon([1, 2, 3], [3, 2, 1])).toBeCloseTo(0.35470351519813204, 12);
    expect(jensenShannon([1, 0], [0, 1])).toBe(1);
    expect(populationStability([1, 2, 3], [3, 2, 1])).toBeCloseTo(0.7324081924454066, 12);
    expect(populationStability([5, 0], [5, 0])).toBe(0);
  });

  it("refuses a sample without values", () => {
    const compare = (): unknown => kolmogorovSmirnov(new Float64Array(0), Float64Array.of(1));
    expect(compare).toThrow(expect.objectContaining({ code: "REQUEST_INVALID" }));
  });
});

describe("sketches", () => {
  it.each([100, 5_000, 200_000])("counts %i different values to within three standard errors", (many) => {
    const [numbers, texts] = [new HyperLogLog(), new HyperLogLog()];
    for (let i = 0; i < many; i++) {
      numbers.addNumber(i * 0.37);
      numbers.addNumber(i * 0.37);
      texts.addText(`value ${i}`);
    }
    expect(Math.abs(numbers.estimate - many) / many).toBeLessThan(0.025);
    expect(Math.abs(texts.estimate - many) / many).toBeLessThan(0.025);
  });

  it("has every frequent value, and no count off by more than it says", () => {
    const values = fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 300 });
    const property = fc.property(values, fc.integer({ min: 1, max: 20 }), (given, capacity) => {
      const frequent = new Frequent<number>(capacity);
      const exact = new Map<number, number>();
      for (const value of given) {
        frequent.add(value);
        exact.set(value, (exact.get(value) ?? 0) + 1);
      }
      const found = new Map(frequent.top(capacity).map(({ value, count }) => [value, count]));
      for (const [value, count] of exact) {
        const counted = found.get(value) ?? 0;
        expect(counted).toBeLessThanOrEqual(count);
        expect(counted + frequent.error).toBeGreaterThanOrEqual(count);
      }
      expect(frequent.error).toBeLessThanOrEqual(given.length / (capacity + 1));
    });
    fc.assert(property);
  });

  it("keeps all values while there is room, and a fair sample of more", () => {
    const all = new Reservoir(100);
    for (let i = 99; i >= 0; i--) all.add(i);
    expect([all.complete, ...all.sorted()]).toEqual([true, ...Array.from({ length: 100 }, (_, i) => i)]);
    const some = new Reservoir(4_000);
    for (let i = 0; i < 400_000; i++) some.add(i / 400_000);
    expect(some.complete).toBe(false);
    for (const q of [0.1, 0.5, 0.9]) expect(Math.abs(quantileOf(some.sorted(), q) - q)).toBeLessThan(0.03);
  });
});
