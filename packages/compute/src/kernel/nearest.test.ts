import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createKernelRuntime, kernel, type KernelRuntime, type Matrix, onnxRuntime, wasmSimd } from "./index.ts";

let runtime: KernelRuntime;
beforeAll(async () => {
  runtime = await createKernelRuntime({ backends: [onnxRuntime(), wasmSimd()], measureMs: 0 });
});
afterAll(() => runtime[Symbol.asyncDispose]());

const backends = ["plain-js", "onnxruntime", "wasm"];
type Metric = "l2" | "cosine";

function definition(metric: Metric, x: Float32Array, y: Float32Array): number {
  const dot = (u: Float32Array, v: Float32Array): number =>
    Array.from(u).reduce((sum, value, i) => sum + value * (v[i] ?? 0), 0);
  if (metric === "l2") return Math.hypot(...Array.from(x, (value, i) => value - (y[i] ?? 0)));
  const scale = Math.sqrt(dot(x, x)) * Math.sqrt(dot(y, y));
  return 1 - (scale === 0 ? 0 : dot(x, y) / scale);
}

const rowOf = ({ data, columns }: Matrix, row: number): Float32Array =>
  data.subarray(row * columns, (row + 1) * columns);

const matrixOf = (rows: number, columns: number, value: fc.Arbitrary<number>): fc.Arbitrary<Matrix> =>
  fc
    .array(value, { minLength: rows * columns, maxLength: rows * columns })
    .map((values) => ({ data: Float32Array.from(values), rows, columns }));

/** Rows far from 0 beside the distances between them, of few values, and of any size. */
const search = fc
  .record({
    d: fc.integer({ min: 1, max: 6 }),
    n: fc.integer({ min: 1, max: 60 }),
    offset: fc.constantFrom(0, 1, 1000, 1e6),
    step: fc.constantFrom(1 / 8, 1 / 1024),
    scale: fc.constantFrom(1e-12, 1, 1e19),
  })
  .chain(({ d, n, offset, step, scale }) => {
    const value = fc.integer({ min: -4, max: 4 }).map((whole) => scale * (offset + step * whole));
    return fc.record({
      queries: matrixOf(2, d, value),
      items: matrixOf(n, d, value),
      k: fc.integer({ min: 1, max: Math.min(n, 5) }),
    });
  });

test.each(backends.flatMap((backend) => (["l2", "cosine"] as const).map((metric) => [backend, metric] as const)))(
  "%s finds the nearest by %s, however alike the items are",
  async (backend, metric) => {
    await fc.assert(
      fc.asyncProperty(search, async ({ queries, items, k }) => {
        const found = await runtime.run(kernel.topK({ k, metric }), { queries, items }, { backend });
        for (let query = 0; query < queries.rows; query++) {
          const expected = Array.from({ length: items.rows }, (_, item) =>
            definition(metric, rowOf(queries, query), rowOf(items, item)),
          ).sort((x, y) => x - y);
          for (let i = 0; i < k; i++) {
            const score = found.scores[query * k + i] ?? Number.NaN;
            const item = found.indices[query * k + i] ?? 0;
            const own = definition(metric, rowOf(queries, query), rowOf(items, item));
            const bound = 1e-6 * (metric === "l2" ? (expected[i] ?? 0) : 1e-6) + (metric === "l2" ? 0 : 1e-7);
            expect(Math.abs(own - (expected[i] ?? 0)), `place ${i}`).toBeLessThanOrEqual(bound);
            expect(Math.abs(score - own), `score ${i}`).toBeLessThanOrEqual(bound);
          }
        }
      }),
      { numRuns: 150 },
    );
  },
);

test.each(backends)("%s takes the lower index among equally distant items, however many", async (backend) => {
  const items: Matrix = { data: new Float32Array(300).fill(0.1), rows: 100, columns: 3 };
  const queries: Matrix = { data: new Float32Array(3).fill(0.3), rows: 1, columns: 3 };
  for (const metric of ["l2", "cosine"] as const) {
    const { indices } = await runtime.run(kernel.topK({ k: 4, metric }), { queries, items }, { backend });
    expect([...indices]).toEqual([0, 1, 2, 3]);
  }
});

test.each(backends.filter((backend) => backend !== "onnxruntime"))(
  "%s tells distances of very long and very short rows",
  async (backend) => {
    for (const length of [1e20, 1e-25]) {
      const a: Matrix = { data: Float32Array.of(length, 0), rows: 1, columns: 2 };
      const b: Matrix = { data: Float32Array.of(length, 0, 0, length, -length, 0), rows: 3, columns: 2 };
      const cosine = await runtime.run(kernel.distance({ metric: "cosine" }), { a, b }, { backend });
      expect([...cosine.data]).toEqual([0, 1, 2]);
      const { data } = await runtime.run(kernel.distance({ metric: "l2" }), { a, b }, { backend });
      [0, Math.SQRT2, 2].forEach((expected, i) => expect((data[i] ?? 0) / length).toBeCloseTo(expected, 6));
    }
  },
);
