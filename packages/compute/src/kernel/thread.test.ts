import { expect, test } from "vitest";
import { kernelCases } from "../testing/index.ts";
import {
  createKernelRuntime,
  createKernelThread,
  type Kernel,
  kernel,
  type Matrix,
  type Operation,
  type Tensor,
} from "./index.ts";

test("a runtime in a thread gives what the oracle gives, and leaves the event loop free", async () => {
  await using runtime = await createKernelThread({ measureMs: 0 });
  for (const { title, check } of kernelCases({ rows: 5, columns: 9, depth: 4 }, 7)) {
    expect(await check(runtime, "plain-js"), title).toBe(null);
  }
  const large: Matrix = { data: new Float32Array(700 * 700).fill(1), rows: 700, columns: 700 };
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  const { data } = await runtime.run(kernel.matmul(), { a: large, b: large }, { backend: "plain-js" });
  clearInterval(timer);
  expect(data[0]).toBe(700);
  expect(turns).toBeGreaterThan(2);
  expect(await runtime.measure(kernel.sum(), { values: large })).toContainEqual(
    expect.objectContaining({ backend: "plain-js", correct: true }),
  );
  expect(runtime.explain().choices.map((choice) => choice.kernel)).toEqual(["sum"]);
});

test("inputs that share memory go as they are, and a part of a memory goes alone", async () => {
  await using runtime = await createKernelThread({ measureMs: 0 });
  const shared = new Float32Array(new SharedArrayBuffer(12)).fill(2);
  const part = new Float32Array([1, 2, 3, 4]).subarray(1, 3);
  for (const backend of ["plain-js", "onnxruntime"]) {
    expect((await runtime.run(kernel.sum(), { values: shared }, { backend })).data[0]).toBe(6);
    expect((await runtime.run(kernel.sum(), { values: part }, { backend })).data[0]).toBe(5);
  }
});

test("an operation of one's own does not go to a thread, which goes on", async () => {
  await using runtime = await createKernelThread({ measureMs: 0 });
  const double: Operation = {
    name: "double",
    parameters: {},
    results: (shapes) => shapes,
    work: () => 1,
    reference: ([values]) => [{ data: (values as Tensor).data.map((value) => 2 * value), rows: 1, columns: 1 }],
  };
  const own: Kernel<number, number> = {
    name: "double",
    bind: (value) => ({
      ...kernel.softmax().bind({ values: Float32Array.of(value) }),
      name: "double",
      program: {
        key: "double",
        inputs: ["value"],
        nodes: [{ operation: double, inputs: [0], outputs: [1] }],
        results: [1],
      },
      finish: ([result]) => result?.data[0] ?? 0,
    }),
  };
  await expect(runtime.run(own, 1)).rejects.toMatchObject({
    code: "KERNEL_BACKEND_FAILED",
    message: expect.stringContaining("double"),
  });
  const { data } = await runtime.run(kernel.softmax(), { values: Float32Array.of(1) });
  expect(data[0]).toBe(1);
  await using here = await createKernelRuntime({ backends: [], measureMs: 0 });
  expect(await here.run(own, 4)).toBe(8);
});

test("errors come back by their codes, and calls after the end fail", async () => {
  const runtime = await createKernelThread({ measureMs: 0 });
  const values = new Float32Array(2);
  await expect(runtime.run(kernel.sum(), { values }, { backend: "unheard-of" })).rejects.toMatchObject({
    code: "KERNEL_BACKEND_UNAVAILABLE",
  });
  await expect(runtime.run(kernel.max(), { values: new Float32Array(0) })).rejects.toMatchObject({
    code: "KERNEL_INPUT_INVALID",
  });
  const pending = runtime.run(kernel.sum(), { values: new Float32Array(1_000_000) });
  await Promise.all([
    expect(pending).rejects.toMatchObject({ code: "KERNEL_BACKEND_FAILED" }),
    runtime[Symbol.asyncDispose](),
  ]);
  await expect(runtime.run(kernel.sum(), { values })).rejects.toMatchObject({ code: "KERNEL_BACKEND_FAILED" });
});
