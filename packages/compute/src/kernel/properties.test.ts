import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kernelCases } from "../testing/index.ts";
import { createKernelRuntime, kernel, type KernelRuntime, type Matrix, onnxRuntime, wasmSimd } from "./index.ts";

let runtime: KernelRuntime;
beforeAll(async () => {
  runtime = await createKernelRuntime({ backends: [onnxRuntime(), wasmSimd()], measureMs: 0 });
});
afterAll(() => runtime[Symbol.asyncDispose]());

const backends = ["plain-js", "onnxruntime", "wasm"];
/** What WebAssembly is made for; it leaves the others to plain JS. */
const products = new Set(["matmul", "distance", "topK", "softmax", "histogram", "classify"]);
const runs = (backend: string, name: string): boolean => backend !== "wasm" || products.has(name);
const length = fc.nat(13);
const lengths = fc.record({ rows: length, columns: length, depth: length });

const matrixOf = (rows: number, columns: number, value: fc.Arbitrary<number>): fc.Arbitrary<Matrix> =>
  fc
    .array(value, { minLength: rows * columns, maxLength: rows * columns })
    .map((values) => ({ data: Float32Array.from(values), rows, columns }));

describe("kernels of any lengths", () => {
  test.each(backends)("%s gives what the oracle gives", async (backend) => {
    await fc.assert(
      fc.asyncProperty(lengths, fc.nat(), async (shape, seed) => {
        const cases = kernelCases(shape, seed).filter((each) => runs(backend, each.kernel));
        for (const { title, check } of cases) expect(await check(runtime, backend), title).toBe(null);
      }),
      { numRuns: 40 },
    );
  });

  test.each(backends)("%s takes the lower index among equal scores", async (backend) => {
    const eighth = fc.integer({ min: -8, max: 8 }).map((whole) => whole / 8);
    const side = fc.integer({ min: 1, max: 9 });
    const search = fc.tuple(side, side, side).chain(([q, d, n]) =>
      fc.record({
        queries: matrixOf(q, d, eighth),
        items: matrixOf(n, d, eighth),
        k: fc.integer({ min: 1, max: n }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(search, async ({ queries, items, k }) => {
        const { indices } = await runtime.run(kernel.topK({ k }), { queries, items }, { backend });
        for (let q = 0; q < queries.rows; q++) {
          const row = (matrix: Matrix, at: number): Float32Array =>
            matrix.data.subarray(at * matrix.columns, (at + 1) * matrix.columns);
          const all = Array.from({ length: items.rows }, (_, item) => {
            const score = row(items, item).reduce((sum, value, d) => sum + value * (row(queries, q)[d] ?? 0), 0);
            return { item, score };
          });
          const best = all.sort((x, y) => y.score - x.score || x.item - y.item).slice(0, k);
          expect(Array.from(indices.slice(q * k, q * k + k))).toEqual(best.map(({ item }) => item));
        }
      }),
      { numRuns: 50 },
    );
  });

  test.each(backends)("%s treats NaN and infinities as plain JS does", async (backend) => {
    const value = fc.oneof(
      { weight: 3, arbitrary: fc.integer({ min: -4, max: 4 }) },
      fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
    );
    const side = fc.integer({ min: 1, max: 5 });
    const inputs = fc
      .tuple(side, side, side)
      .chain(([m, k, n]) =>
        fc.record({ a: matrixOf(m, k, value), b: matrixOf(k, n, value), other: matrixOf(n, k, value) }),
      );
    await fc.assert(
      fc.asyncProperty(inputs, async ({ a, b, other }) => {
        const values = { values: a };
        type Run = (on: { readonly backend: string }) => Promise<Matrix>;
        const others: readonly Run[] = [
          ...([0, 1] as const).flatMap((axis): Run[] => [
            (on) => runtime.run(kernel.sum({ axis }), values, on),
            (on) => runtime.run(kernel.min({ axis }), values, on),
            (on) => runtime.run(kernel.max({ axis }), values, on),
          ]),
          (on) => runtime.run(kernel.softmax(), values, on),
        ];
        const kernels: readonly Run[] = [
          (on) => runtime.run(kernel.matmul(), { a, b }, on),
          ...(["dot", "l2", "cosine"] as const).map(
            (metric): Run =>
              (on) =>
                runtime.run(kernel.distance({ metric }), { a, b: other }, on),
          ),
          ...(backend === "wasm" ? [] : others),
        ];
        for (const run of kernels) {
          const [found, expected] = [await run({ backend }), await run({ backend: "plain-js" })];
          const classes = (matrix: Matrix): string[] =>
            Array.from(matrix.data, (x) => (Number.isFinite(x) ? "finite" : String(x)));
          expect(classes(found)).toEqual(classes(expected));
        }
        if (!runs(backend, "argmax")) return;
        const at = await runtime.run(kernel.argmax({ axis: 1 }), values, { backend });
        expect(at).toEqual(await runtime.run(kernel.argmax({ axis: 1 }), values, { backend: "plain-js" }));
      }),
      { numRuns: 60 },
    );
  });

  test("NaN is in every sum, least and greatest value of its line, and ranks last in topK", async () => {
    const values: Matrix = { data: Float32Array.of(1, Number.NaN, 3, 4, 5, 6), rows: 2, columns: 3 };
    for (const kind of ["sum", "mean", "min", "max"] as const) {
      const { data } = await runtime.run(kernel[kind]({ axis: 1 }), { values });
      expect([...data].map(Number.isNaN), kind).toEqual([true, false]);
    }
    expect([...(await runtime.run(kernel.argmax({ axis: 1 }), { values }))]).toEqual([1, 2]);
    const queries: Matrix = { data: Float32Array.of(1), rows: 1, columns: 1 };
    const items: Matrix = { data: Float32Array.of(Number.NaN, -1, 2, Number.NaN), rows: 4, columns: 1 };
    for (const backend of backends) {
      const { indices } = await runtime.run(kernel.topK({ k: 3 }), { queries, items }, { backend });
      expect([...indices], backend).toEqual([2, 1, 0]);
    }
  });
});
