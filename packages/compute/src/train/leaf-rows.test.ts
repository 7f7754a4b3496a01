import fc from "fast-check";
import { expect, test } from "vitest";
import { leafRows, plainRows, wasmRows } from "./leaf-rows.ts";
import { memoryOf, sharedBytes } from "./shared-bytes.ts";
import { histogramLayout } from "./tree-histogram.ts";

const whole = fc.integer({ min: -(2 ** 26), max: 2 ** 26 });

const leaf = fc.record({
  binCounts: fc.array(fc.integer({ min: 1, max: 255 }), { minLength: 1, maxLength: 7 }),
  rows: fc.array(fc.record({ gradient: whole, hessian: fc.nat(2 ** 24), draw: fc.nat() }), { maxLength: 70 }),
  // A worker has the rows from some place on.
  before: fc.nat(3),
  cut: fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true })),
});

test("WebAssembly, plain JavaScript and the definition give the same bits", () => {
  fc.assert(
    fc.property(leaf, ({ binCounts, rows, before, cut }) => {
      const features = binCounts.length;
      const layout = histogramLayout(binCounts);
      const all = sharedBytes((before + rows.length) * features).fill(255);
      const bins = all.subarray(before * features);
      rows.forEach(({ draw }, row) => {
        binCounts.forEach((count, f) => (bins[row * features + f] = (draw + 7 * f) % (count + 1)));
      });
      const memory = memoryOf(all) as WebAssembly.Memory;
      const order = rows.map((_, i) => i).sort((a, b) => (rows[a]?.draw ?? 0) - (rows[b]?.draw ?? 0));
      const [start = 0, end = 0] = cut.map((share) => Math.round(share * rows.length)).sort((a, b) => a - b);

      const expected = new Float64Array(layout.cells);
      for (const row of order.slice(start, end)) {
        for (let f = 0; f < features; f++) {
          const cell = (layout.offsets[f] ?? 0) + 2 * (bins[row * features + f] ?? 0);
          expected[cell] = (expected[cell] ?? 0) + (rows[row]?.gradient ?? 0);
          expected[cell + 1] = (expected[cell + 1] ?? 0) + (rows[row]?.hessian ?? 0);
        }
      }
      for (const leaves of [
        plainRows(layout, rows.length, bins),
        wasmRows(layout, rows.length, bins, memory),
        leafRows(layout, rows.length, bins, undefined),
      ]) {
        leaves.order.set(order);
        leaves.gradients.set(rows.map(({ gradient }) => gradient));
        leaves.hessians.set(rows.map(({ hessian }) => hessian));
        leaves.sum(0, rows.length);
        expect(leaves.sum(start, end)).toEqual(expected);

        const inside = order.slice(start, end);
        const goesLeft = (row: number): boolean => (bins[row * features] ?? 0) <= 3 || bins[row * features] === 9;
        const middle = leaves.partition(start, end, 0, 3, 9);
        const parted = [...inside.filter(goesLeft), ...inside.filter((row) => !goesLeft(row))];
        expect([...leaves.order]).toEqual([...order.slice(0, start), ...parted, ...order.slice(end)]);
        expect(middle).toBe(start + inside.filter(goesLeft).length);
      }
    }),
    { numRuns: 150 },
  );
});

test("bytes beyond what WebAssembly can address are shared all the same", () => {
  expect(memoryOf(sharedBytes(10))).toBeInstanceOf(WebAssembly.Memory);
  expect(sharedBytes(0)).toHaveLength(0);
  expect(memoryOf(new Uint8Array(new SharedArrayBuffer(1)))).toBe(undefined);
});
