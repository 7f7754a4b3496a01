import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { createKernelRuntime, kernel, type KernelBackend, type KernelRuntime, type Matrix } from "./index.ts";

let runtime: KernelRuntime;
beforeAll(async () => {
  runtime = await createKernelRuntime();
});
afterAll(() => runtime[Symbol.asyncDispose]());

const side = fc.integer({ min: 1, max: 9 });
const value = fc.integer({ min: -64, max: 64 }).map((whole) => whole / 8);
const matrix = (rows: number, columns: number): fc.Arbitrary<Matrix> =>
  fc
    .array(value, { minLength: rows * columns, maxLength: rows * columns })
    .map((values) => ({ data: Float32Array.from(values), rows, columns }));

function naive(a: Matrix, b: Matrix): number[] {
  const out: number[] = [];
  for (let i = 0; i < a.rows; i++) {
    for (let j = 0; j < b.columns; j++) {
      let sum = 0;
      for (let k = 0; k < a.columns; k++) sum += (a.data[i * a.columns + k] ?? 0) * (b.data[k * b.columns + j] ?? 0);
      out.push(sum);
    }
  }
  return out;
}

describe("kernels", () => {
  // Eighths of small integers add up exactly in 32-bit floats, so every backend must give the very same bits.
  test.each(["plain-js", "gpu.js:cpu", "gpu.js:webasm", "onnxruntime"])(
    "%s multiplies as the definition",
    async (backend) => {
      const product = fc.tuple(side, side, side).chain(([m, k, n]) => fc.record({ a: matrix(m, k), b: matrix(k, n) }));
      await fc.assert(
        fc.asyncProperty(product, async ({ a, b }) => {
          const result = await runtime.run(kernel.matmul(), { a, b }, { backend });
          expect([...result.data].map((x) => x + 0)).toEqual(naive(a, b).map((x) => x + 0));
          expect([result.rows, result.columns]).toEqual([a.rows, b.columns]);
        }),
        { numRuns: 25 },
      );
    },
  );

  test("topK gives the greatest inner products, best first, the lower index first among equals", async () => {
    const search = fc
      .tuple(side, side, side)
      .chain(([q, d, n]) =>
        fc.record({ queries: matrix(q, d), items: matrix(n, d), k: fc.integer({ min: 1, max: n }) }),
      );
    await fc.assert(
      fc.asyncProperty(search, async ({ queries, items, k }) => {
        const { indices, scores } = await runtime.run(kernel.topK({ k }), { queries, items });
        for (let q = 0; q < queries.rows; q++) {
          const all = Array.from({ length: items.rows }, (_, item) => {
            let score = 0;
            for (let d = 0; d < items.columns; d++) {
              score += (queries.data[q * items.columns + d] ?? 0) * (items.data[item * items.columns + d] ?? 0);
            }
            return { item, score: score + 0 };
          });
          const best = all.sort((x, y) => y.score - x.score || x.item - y.item).slice(0, k);
          expect(Array.from(indices.slice(q * k, q * k + k))).toEqual(best.map(({ item }) => item));
          expect(Array.from(scores.slice(q * k, q * k + k), (x) => x + 0)).toEqual(best.map(({ score }) => score));
        }
      }),
      { numRuns: 50 },
    );
  });

  test("the runtime says what it chose and why", () => {
    const { backends, choices, text } = runtime.explain();
    expect(backends.map(({ name }) => name)).toEqual([
      "plain-js",
      "gpu.js:cpu",
      "gpu.js:webasm",
      "gpu.js:webgpu",
      "onnxruntime",
    ]);
    for (const { name, reason } of backends.filter(({ available }) => !available)) {
      expect(text).toContain(`${name}: not available (${reason})`);
    }
    expect(choices.map(({ size }) => size)).toEqual(["small", "medium", "large"]);
    for (const { chosen, measurements } of choices) {
      expect(measurements.find((row) => row.backend === chosen)?.correct).toBe(true);
    }
  });

  test("a backend that computes wrongly is never chosen, one that cannot open says why", async () => {
    const wrong: KernelBackend = {
      name: "wrong",
      open: async () => ({
        available: true,
        multiply: async ({ a, b }) => ({
          data: new Float32Array(a.rows * b.columns),
          rows: a.rows,
          columns: b.columns,
        }),
        close: async () => {},
      }),
    };
    const absent: KernelBackend = { name: "absent", open: async () => ({ available: false, reason: "no adapter" }) };
    await using own = await createKernelRuntime({ backends: [wrong, absent] });
    expect(own.explain().choices.map(({ chosen }) => chosen)).toEqual(["plain-js", "plain-js", "plain-js"]);
    const one: Matrix = { data: new Float32Array([2]), rows: 1, columns: 1 };
    expect((await own.run(kernel.matmul(), { a: one, b: one })).data[0]).toBe(4);
    for (const backend of ["wrong", "absent", "unheard-of"]) {
      await expect(own.run(kernel.matmul(), { a: one, b: one }, { backend })).rejects.toMatchObject({
        code: "KERNEL_BACKEND_UNAVAILABLE",
      });
    }
  });

  test("inputs are checked before anything runs", async () => {
    const a: Matrix = { data: new Float32Array(6), rows: 2, columns: 3 };
    const code = { code: "KERNEL_INPUT_INVALID" };
    await expect(runtime.run(kernel.matmul(), { a, b: a })).rejects.toMatchObject(code);
    await expect(runtime.run(kernel.matmul(), { a, b: { ...a, rows: 3 } })).rejects.toMatchObject(code);
    await expect(runtime.run(kernel.topK({ k: 3 }), { queries: a, items: a })).rejects.toMatchObject(code);
  });
});
