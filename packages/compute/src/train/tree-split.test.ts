import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { accumulate, GRADIENT_UNIT, histogramLayout } from "./tree-histogram.ts";
import { findSplit, type SplitRules } from "./tree-split.ts";

const BINS = 4;

interface Row {
  /** The bin of each of two features; {@link BINS} is missing. */
  readonly bins: readonly [number, number];
  readonly gradient: number;
  readonly hessian: number;
}

const bin = fc.nat(BINS);
const rows = fc.array(
  fc.record({
    bins: fc.tuple(bin, bin),
    gradient: fc.integer({ min: -9, max: 9 }).map((units) => units / 16),
    hessian: fc.integer({ min: 1, max: 4 }).map((units) => units / 16),
  }),
  { minLength: 1, maxLength: 24 },
);

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** Half the reduction of the loss when these rows go left (Chen and Guestrin 2016, equation 7); 0 when they may not. */
function gainOf(all: readonly Row[], isLeft: (row: Row) => boolean, rules: SplitRules): number {
  const sides = [all.filter(isLeft), all.filter((row) => !isLeft(row))].map((side) => ({
    gradient: sum(side.map(({ gradient }) => gradient)),
    hessian: sum(side.map(({ hessian }) => hessian)),
  }));
  if (sides.some(({ hessian }) => hessian === 0 || hessian < rules.minChildWeight)) return 0;
  const score = (gradient: number, hessian: number): number => gradient ** 2 / (hessian + rules.l2);
  const parts = sum(sides.map(({ gradient, hessian }) => score(gradient, hessian)));
  const whole = score(sum(sides.map(({ gradient }) => gradient)), sum(sides.map(({ hessian }) => hessian)));
  const gain = 0.5 * (parts - whole);
  return gain > rules.minGain + 1e-9 ? gain : 0;
}

describe("the search for a split", () => {
  it("finds the best of all, with missing values on either side", () => {
    const rules = fc.record({
      l2: fc.constantFrom(0, 1),
      minChildWeight: fc.constantFrom(0, 0.25),
      minGain: fc.constantFrom(0, 0.1),
    });
    fc.assert(
      fc.property(rows, rules, (all, rule) => {
        let best = 0;
        for (const feature of [0, 1] as const) {
          for (let last = 0; last < BINS; last++) {
            for (const missing of [last, BINS]) {
              const isLeft = ({ bins }: Row): boolean => bins[feature] <= last || bins[feature] === missing;
              best = Math.max(best, gainOf(all, isLeft, rule));
            }
          }
        }
        const layout = histogramLayout([BINS, BINS]);
        const histogram = new Float64Array(layout.cells);
        const units = (values: readonly number[]): Int32Array =>
          Int32Array.from(values, (value) => value / GRADIENT_UNIT);
        const gradients = units(all.map(({ gradient }) => gradient));
        const hessians = units(all.map(({ hessian }) => hessian));
        const bins = Uint8Array.from(all.flatMap((row) => row.bins));
        const order = Int32Array.from(all.keys());
        accumulate(histogram, layout, bins, order, 0, all.length, gradients, hessians);
        const found = findSplit(histogram, layout, 0, 2, sum([...gradients]), sum([...hessians]), rule);
        expect(found.gain).toBeCloseTo(best, 9);
        const isLeft = (row: Row): boolean => {
          const value = row.bins[found.feature === 1 ? 1 : 0];
          return value === BINS ? found.missingLeft : value <= found.bin;
        };
        expect(found.feature < 0 ? 0 : gainOf(all, isLeft, rule)).toBeCloseTo(best, 9);
      }),
      { numRuns: 400 },
    );
  });
});
