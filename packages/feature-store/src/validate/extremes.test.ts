import fc from "fast-check";
import { expect, it } from "vitest";
import { toUnits } from "../offline/double-units.ts";
import { arrowTable } from "../testing/tables.ts";
import { type NumericProfile, profile } from "./index.ts";
import { Moments } from "./moments.ts";

/** Doubles of every size, many of them at the ends. */
const ends = [
  Number.MAX_VALUE,
  -Number.MAX_VALUE,
  1.7e308,
  -1.7e308,
  2 ** 480,
  2 ** 481,
  2 ** -120,
  Number.MIN_VALUE,
  0,
];
const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(...ends),
  fc.double({ noNaN: true, min: -1000, max: 1000 }),
  fc.double({ noNaN: true, min: -1e-300, max: 1e-300 }),
);
// The sign of zero is no part of a statistic.
const numbers = fc.oneof(
  fc.array(
    number.map((each) => each + 0),
    { minLength: 1, maxLength: 30 },
  ),
  fc.array(
    fc.double({ noNaN: true, min: -1e-170, max: 1e-170 }).map((each) => each + 0),
    { minLength: 1, maxLength: 30 },
  ),
);

/** The nearest to a fraction of whole numbers of units of 2^-1074, in parts of the greatest value. */
const share = (numerator: bigint, denominator: bigint): number => {
  if (denominator === 0n) return 0;
  return Number((numerator * 2n ** 60n) / denominator) / 2 ** 60;
};

function rootOf(square: bigint): bigint {
  if (square === 0n) return 0n;
  let root = 1n << BigInt((square.toString(2).length >> 1) + 1);
  for (let next = root; ; root = next) {
    next = (root + square / root) >> 1n;
    if (next >= root) return root;
  }
}

/** Mean, deviation and places between the least and the greatest, in whole numbers. */
function oracle(values: readonly number[]) {
  const units = values.map(toUnits).sort((a, b) => (a < b ? -1 : Number(a > b)));
  const n = BigInt(values.length);
  const sum = units.reduce((total, each) => total + each, 0n);
  const squares = units.reduce((total, each) => total + each * each, 0n);
  const [least = 0n, greatest = 0n] = [units[0], units.at(-1)];
  const most = -least > greatest ? -least : greatest;
  return {
    most,
    mean: share(sum, n * most),
    deviation: share(rootOf(n * squares - sum * sum), n * most),
    quantile: (q: number): number => {
      // The share of a rank is exact enough in 2^-40.
      const at = (values.length - 1) * q;
      const part = BigInt(Math.round((at - Math.floor(at)) * 2 ** 40));
      const [low = 0n, high = 0n] = [units[Math.floor(at)], units[Math.ceil(at)]];
      return share((low << 40n) + (high - low) * part, most << 40n);
    },
  };
}

/** A statistic in parts of the greatest value. */
const partOf = (value: number | null, most: bigint): number => share(toUnits(value ?? NaN), most);

it("is finite and right of any finite numbers", async () => {
  const property = fc.asyncProperty(numbers, fc.integer({ min: 1, max: 7 }), async (values, bins) => {
    const quantiles = [0, 0.1, 0.5, 0.77, 1];
    const { columns } = await profile(arrowTable({ x: ["float64", values] }), { quantiles, bins });
    const found = columns["x"] as NumericProfile;
    const { edges, shares } = found.histogram;
    const all = [found.mean, found.stddev, ...Object.values(found.quantiles), ...edges, ...shares];
    expect(all.filter((value) => !Number.isFinite(value))).toEqual([]);
    const exact = oracle(values);
    // Of denormal numbers, half the least one is the error of any figure.
    const error = 1e-12 + share(1n, exact.most);
    expect(Math.abs(partOf(found.mean, exact.most) - exact.mean)).toBeLessThanOrEqual(error);
    expect(Math.abs(partOf(found.stddev, exact.most) - exact.deviation)).toBeLessThanOrEqual(error);
    for (const q of quantiles) {
      expect(Math.abs(partOf(found.quantiles[q] as number, exact.most) - exact.quantile(q))).toBeLessThanOrEqual(error);
    }
    expect([edges[0], edges.at(-1)]).toEqual([found.min, found.max]);
    expect(edges.toSorted((a, b) => a - b)).toEqual(edges);
    expect(shares.reduce((sum, each) => sum + each, 0)).toBeCloseTo(1, 9);
    if (shares.length === 1) return;
    const width = exact.most === 0n ? 0n : toUnits(found.max as number) - toUnits(found.min as number);
    edges.forEach((edge, i) => {
      const place = share(toUnits(found.min as number) * BigInt(bins) + width * BigInt(i), exact.most * BigInt(bins));
      expect(Math.abs(partOf(edge, exact.most) - place)).toBeLessThanOrEqual(error);
    });
  });
  await fc.assert(property);
});

const momentsOf = (values: readonly number[]): Moments => {
  const moments = new Moments();
  for (const value of values) moments.add(value);
  return moments;
};

it.each([
  [[Number.MAX_VALUE, -Number.MAX_VALUE], 0, Number.MAX_VALUE],
  [[1.5e308, 1.5e308, 1.5e308], 1.5e308, 0],
  [[1e-200, 3e-200], 2e-200, 1e-200],
  [[2e-310, 4e-310], 3e-310, 1e-310],
  [[1, 3, 2 ** 500, 2 ** 500], 2 ** 499, 2 ** 499],
  [[1, 3], 2, 1],
])("has the moments of %j", (values, mean, deviation) => {
  const moments = momentsOf(values);
  expect(Math.abs((moments.mean as number) - mean)).toBeLessThanOrEqual(Math.abs(mean) * 1e-12);
  expect(Math.abs((moments.stddev as number) - deviation)).toBeLessThanOrEqual(deviation * 1e-12);
});

it("does not round beyond all doubles", () => {
  const moments = momentsOf(Array.from({ length: 1001 }, (_, i) => (i % 2 === 0 ? 1 : -1) * Number.MAX_VALUE));
  expect([moments.mean, moments.stddev].every(Number.isFinite)).toBe(true);
});
