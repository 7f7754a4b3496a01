import * as arrow from "apache-arrow";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  createKernelRuntime,
  fuse,
  kernel,
  type KernelRuntime,
  type Matrix,
  type MatrixSource,
  type WeightSource,
} from "./index.ts";
import { columnsOf, readMatrix } from "./source.ts";

let runtime: KernelRuntime;
beforeAll(async () => {
  runtime = await createKernelRuntime({ backends: [], measureMs: 0 });
});
afterAll(() => runtime[Symbol.asyncDispose]());

const embeddings = (): arrow.Vector<arrow.FixedSizeList<arrow.Float32>> => {
  const type = new arrow.FixedSizeList(3, new arrow.Field("item", new arrow.Float32(), true));
  return arrow.vectorFromArray(
    [
      [1, 2, 3],
      [4, 5, 6],
      [7, 8, 9],
      [-1, 0, 1],
    ],
    type,
  );
};

describe("inputs", () => {
  test("Arrow columns of lists, and slices of them, are matrices", () => {
    const all = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, -1, 0, 1);
    expect(readMatrix("k", "m", embeddings())).toEqual({ data: all, rows: 4, columns: 3 });
    expect(readMatrix("k", "m", embeddings().slice(1, 3))).toEqual({ data: all.subarray(3, 9), rows: 2, columns: 3 });
  });

  test("Arrow columns are rows, used where they lie; missing values are NaN; batches are interleaved", () => {
    const values = Float32Array.of(1, 2, 3);
    expect(readMatrix("k", "m", arrow.makeVector(values)).data.buffer).toBe(values.buffer);
    const missing = arrow.vectorFromArray([1, null, 3], new arrow.Float64());
    expect(readMatrix("k", "m", missing)).toEqual({ data: Float32Array.of(1, Number.NaN, 3), rows: 1, columns: 3 });
    const table = arrow.tableFromArrays({ a: values, b: Int32Array.of(4, 5, 6) });
    const expected = { data: Float32Array.of(1, 4, 2, 5, 3, 6), rows: 3, columns: 2 };
    expect(readMatrix("k", "m", table)).toEqual(expected);
    expect(readMatrix("k", "m", table.batches[0] as arrow.RecordBatch)).toEqual(expected);
  });

  test("results become Arrow columns", async () => {
    const { data, ...shape } = await runtime.run(kernel.softmax(), { values: embeddings() });
    const columns = columnsOf({ data, ...shape });
    const table = new arrow.Table({ x: arrow.makeVector(columns[0] as Float32Array) });
    expect(table.getChild("x")?.get(0)).toBeCloseTo(Math.exp(-2) / (1 + Math.exp(-1) + Math.exp(-2)), 6);
    expect(columns).toHaveLength(3);
  });

  test("bins come from Arrow too", async () => {
    const columns = [arrow.makeVector(Uint8Array.of(0, 1, 1)), Uint16Array.of(2, 2, 0)];
    const ones = Float64Array.of(1, 1, 1);
    const found = await runtime.run(kernel.histogram({ bins: 3 }), { columns, gradients: ones, hessians: ones });
    expect([...found.gradients]).toEqual([1, 2, 0, 1, 0, 2]);
  });
});

test("gradients and hessians come from Arrow too, missing ones as NaN", async () => {
  const columns = [Uint8Array.of(0, 1, 1)];
  const hessians = arrow.vectorFromArray([1n, 2n, null], new arrow.Int64());
  for (const gradients of [
    arrow.makeVector(Float32Array.of(0.5, 1, 2)),
    arrow.makeVector(Float64Array.of(0.5, 1)).concat(arrow.makeVector(Float64Array.of(2))),
  ]) {
    const found = await runtime.run(kernel.histogram({ bins: 2 }), { columns, gradients, hessians });
    expect([[...found.gradients], [...found.hessians]]).toEqual([
      [0.5, 3],
      [1, Number.NaN],
    ]);
  }
});

describe("inputs that are refused before anything runs", () => {
  const a: Matrix = { data: new Float32Array(6), rows: 2, columns: 3 };
  const ones = new Float32Array(2).fill(1);
  const refused: readonly (readonly [string, () => Promise<unknown>])[] = [
    ["shapes that do not fit", () => runtime.run(kernel.matmul(), { a, b: a })],
    ["too few values", () => runtime.run(kernel.matmul(), { a, b: { ...a, rows: 3 } })],
    ["more neighbours than items", () => runtime.run(kernel.topK({ k: 3 }), { queries: a, items: a })],
    ["half a neighbour", () => runtime.run(kernel.topK({ k: 0.5 }), { queries: a, items: a })],
    ["the greatest of nothing", () => runtime.run(kernel.max(), { values: new Float32Array(0) })],
    ["means that do not fit", () => runtime.run(kernel.standardise(), { values: a, mean: ones })],
    ["a negative length", () => runtime.run(kernel.sum(), { values: { ...a, rows: -2, columns: -3 } })],
    ["text", () => runtime.run(kernel.sum(), { values: JSON.parse('"x"') as MatrixSource })],
    ["a column of text", () => runtime.run(kernel.sum(), { values: arrow.vectorFromArray(["a", "b"]) })],
    [
      "a table with a column of text",
      () => {
        const table = { a: arrow.makeVector(ones), b: arrow.vectorFromArray(["1", "2"]) };
        return runtime.run(kernel.sum(), { values: new arrow.Table(table) });
      },
    ],
    [
      "decimals, which are whole numbers of unknown scale here",
      () => runtime.run(kernel.sum(), { values: arrow.vectorFromArray([Uint32Array.of(5, 0, 0, 0)], decimal) }),
    ],
    ["gradients in a list", () => histogramOf(JSON.parse("[0.5,1]") as WeightSource)],
    ["gradients of text", () => histogramOf(arrow.vectorFromArray(["a", "b"]))],
    ["missing lists", () => runtime.run(kernel.sum(), { values: withMissing() })],
    ["a bin that is too high", () => bins([Uint8Array.of(0, 3)])],
    ["columns of unequal length", () => bins([Uint8Array.of(0)])],
    ["bins that are floats", () => bins([arrow.makeVector(ones)])],
    [
      "too many bins",
      () => runtime.run(kernel.histogram({ bins: 2 ** 17 }), { columns: [], gradients: ones, hessians: ones }),
    ],
  ];
  const bins = (columns: readonly (Uint8Array | arrow.Vector)[]): Promise<unknown> =>
    runtime.run(kernel.histogram({ bins: 3 }), { columns, gradients: ones, hessians: ones });
  const histogramOf = (gradients: WeightSource): Promise<unknown> =>
    runtime.run(kernel.histogram({ bins: 2 }), { columns: [Uint8Array.of(0, 1)], gradients, hessians: ones });
  const decimal = new arrow.Decimal(2, 9);
  const withMissing = (): arrow.Vector<arrow.FixedSizeList<arrow.Float32>> => {
    const type = new arrow.FixedSizeList(1, new arrow.Field("item", new arrow.Float32(), true));
    return arrow.vectorFromArray([[1], null], type);
  };

  test.each(refused)("%s", async (_, run) => {
    await expect(run()).rejects.toMatchObject({ code: "KERNEL_INPUT_INVALID" });
  });

  test("fused kernels that make no sense", () => {
    const code = { code: "KERNEL_INPUT_INVALID" };
    const thrown = (build: () => unknown): unknown => {
      try {
        return build();
      } catch (error) {
        return error;
      }
    };
    expect(thrown(() => fuse("twice", ["a", "a"], (on, { a: value }) => on.softmax(value)))).toMatchObject(code);
    expect(thrown(() => fuse("nothing", ["a"], (_, { a: value }) => value))).toMatchObject(code);
    expect(thrown(() => fuse("stranger", ["a"], (on) => on.softmax({ number: 0 })))).toMatchObject(code);
  });
});
