import { afterAll, beforeAll, expect, test } from "vitest";
import { createKernelRuntime, gpuJs, kernel, type KernelRuntime, type Matrix, onnxRuntime } from "./index.ts";

let runtime: KernelRuntime;
beforeAll(async () => {
  const backends = [onnxRuntime(), gpuJs({ mode: "cpu" }), gpuJs({ mode: "webasm" })];
  runtime = await createKernelRuntime({ backends, measureMs: 0 });
});
afterAll(() => runtime[Symbol.asyncDispose]());

const columnOf = (rows: number, value: (row: number) => number): Matrix => ({
  data: Float32Array.from({ length: rows }, (_, row) => value(row)),
  rows,
  columns: 1,
});

test.each(["plain-js", "onnxruntime", "gpu.js:cpu", "gpu.js:webasm"])(
  "%s keeps what deviates far from 0",
  async (backend) => {
    for (const value of [0.1, 1e8, 3.3e5, -7.7e-9]) {
      const values = columnOf(1000, () => value);
      const { data } = await runtime.run(kernel.standardise(), { values }, { backend });
      expect(new Set(data), `a column of ${value} only has no deviation`).toEqual(new Set([0]));
      const mean = await runtime.run(kernel.mean({ axis: 0 }), { values }, { backend });
      expect(mean.data[0]).toBe(Math.fround(value));
    }
    const far = await runtime.run(
      kernel.standardise(),
      { values: columnOf(1000, (i) => 1e8 + 8 * (i % 5)) },
      { backend },
    );
    expect(far.data[0], "small steps far from 0").toBeCloseTo(-Math.SQRT2, 5);
  },
);

test.each(["plain-js", "onnxruntime"])("%s adds in float64", async (backend) => {
  const on = { backend };
  const rows = 2 ** 24 + 2;
  const ones: Matrix = { data: new Float32Array(rows).fill(1), rows, columns: 1 };
  expect((await runtime.run(kernel.sum({ axis: 0 }), { values: ones }, on)).data[0]).toBe(rows);
  const great = columnOf(5, () => 3e38);
  expect((await runtime.run(kernel.mean({ axis: 0 }), { values: great }, on)).data[0]).toBe(Math.fround(3e38));
  const { data } = await runtime.run(kernel.standardise(), { values: columnOf(5, (row) => row * 1e30) }, on);
  expect(data[0]).toBeCloseTo(-Math.SQRT2, 5);
});
