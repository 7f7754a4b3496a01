import { GPU, Input } from "gpu.js";
import * as ort from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { kernelCases } from "../testing/index.ts";
import {
  createKernelRuntime,
  fuse,
  gpuJs,
  kernel,
  type KernelBackend,
  type Matrix,
  onnxRuntime,
  type Value,
} from "./index.ts";
import { plainEngine } from "./plain-js.ts";

const ones = (rows: number, columns: number): Matrix => ({
  data: new Float32Array(rows * columns).fill(1),
  rows,
  columns,
});

describe("libraries that are handed in", () => {
  test("gpu.js and onnxruntime-node fit", async () => {
    const backends = [gpuJs({ mode: "cpu", module: { GPU, Input } }), onnxRuntime({ module: ort })];
    await using runtime = await createKernelRuntime({ backends, measureMs: 0 });
    for (const { name, reason } of runtime.explain().backends) expect(reason, name).toBe(null);
    for (const backend of ["gpu.js:cpu", "onnxruntime"]) {
      const { data } = await runtime.run(kernel.matmul(), { a: ones(2, 3), b: ones(3, 1) }, { backend });
      expect([...data]).toEqual([3, 3]);
    }
  });

  test("a library that fails to open is a reason, not an error", async () => {
    const broken = gpuJs({
      mode: "webgpu",
      module: { GPU, Input },
      webgpu: {
        globals: {},
        create: () => {
          throw new Error("no driver\nat some place");
        },
      },
    });
    expect(await broken.open()).toEqual({ available: false, reason: "no driver" });
  });
});

test("more shapes than are kept compiled give right results, again and again", async () => {
  await using runtime = await createKernelRuntime({ backends: [gpuJs({ mode: "cpu" })], measureMs: 0 });
  for (let round = 0; round < 2; round++) {
    for (let depth = 1; depth <= 20; depth++) {
      const inputs = { a: ones(1, depth), b: ones(depth, 1) };
      const { data } = await runtime.run(kernel.matmul(), inputs, { backend: "gpu.js:cpu" });
      expect(data[0]).toBe(depth);
    }
  }
});

describe.each([
  ["gpu.js:cpu", (): KernelBackend => gpuJs({ mode: "cpu" }), 20],
  ["onnxruntime", (): KernelBackend => onnxRuntime(), 70],
])("what %s has compiled", (backend, create, count) => {
  test("is kept for as long as a run needs it, however many others run at once", async () => {
    await using runtime = await createKernelRuntime({ backends: [create()], measureMs: 0 });
    const runs = Array.from({ length: count }, (_, steps) => {
      const chain = fuse(`${steps} times`, ["a"], (on, { a }) =>
        Array.from({ length: steps }).reduce<Value>((value) => on.softmax(value), on.softmax(a)),
      );
      return runtime.run(chain, { a: ones(1, 2) }, { backend });
    });
    for (const { data } of await Promise.all(runs)) expect([...data]).toEqual([0.5, 0.5]);
  });

  test("is there for the runs under way when the runtime is closed, and not made after it", async () => {
    const runtime = await createKernelRuntime({ backends: [create()], measureMs: 0 });
    const inputs = { a: ones(8, 8), b: ones(8, 8) };
    const runs = [1, 2, 3].map(() => runtime.run(kernel.matmul(), inputs, { backend }));
    const [products] = await Promise.all([Promise.all(runs), runtime[Symbol.asyncDispose]()]);
    expect(products.map(({ data }) => data[0])).toEqual([8, 8, 8]);
    await runtime[Symbol.asyncDispose]();
    await expect(runtime.run(kernel.matmul(), inputs, { backend })).rejects.toMatchObject({
      code: "KERNEL_BACKEND_FAILED",
    });
    expect((await runtime.run(kernel.matmul(), inputs)).data[0], "plain JS has nothing to close").toBe(8);
  });
});

test("the cases of the contract suite catch a backend that is slightly wrong", async () => {
  const wrong: KernelBackend = {
    name: "wrong",
    open: async () => ({
      available: true,
      engine: {
        ...plainEngine,
        run: async (call) => {
          const results = await plainEngine.run(call);
          for (const { data } of results) data[data.length - 1] = (data.at(-1) ?? 0) * 1.001 + 0.01;
          return results;
        },
      },
    }),
  };
  await using runtime = await createKernelRuntime({ backends: [wrong], measureMs: 0 });
  const cases = kernelCases({ rows: 4, columns: 5, depth: 6 }, 3);
  // Whole numbers, and what is measured anew by the definition, stay what they are.
  const wrongly = cases.filter(({ title }) => !/^(argmax|topK)/.test(title));
  for (const { title, check } of wrongly) expect(await check(runtime, "wrong"), title).not.toBe(null);
  for (const { title, check } of cases) expect(await check(runtime, "plain-js"), title).toBe(null);
});
