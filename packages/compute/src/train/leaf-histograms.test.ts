import fc from "fast-check";
import { expect, test } from "vitest";
import { leafHistograms, plainHistograms, wasmHistograms } from "./leaf-histograms.ts";
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
      for (const histograms of [
        plainHistograms(layout, rows.length, bins),
        wasmHistograms(layout, rows.length, bins, memory),
        leafHistograms(layout, rows.length, bins, undefined),
      ]) {
        histograms.order.set(order);
        histograms.gradients.set(rows.map(({ gradient }) => gradient));
        histograms.hessians.set(rows.map(({ hessian }) => hessian));
        histograms.sum(0, rows.length);
        expect(histograms.sum(start, end)).toEqual(expected);
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
