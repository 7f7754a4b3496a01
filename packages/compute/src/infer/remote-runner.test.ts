import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { expect, test } from "vitest";

import { product, scale } from "../../test/onnx-models.ts";
import { BufferPool } from "./buffer-pool.ts";
import { createInferenceServer } from "./index.ts";
import type { Runner } from "./runner.ts";
import { startRunner } from "./start-runner.ts";
import { ThreadPool } from "./thread-pool.ts";

/** A column and a row, or a row and a column: small inputs of a large output, and large ones of a small output. */
interface Operands {
  readonly a: { readonly data: Float32Array; readonly shape: number[] };
  readonly b: { readonly data: Float32Array; readonly shape: number[] };
}
function outer(length: number): Operands & Record<string, Operands["a"]> {
  const data = Float32Array.from({ length }, (_, index) => index % 7);
  return { a: { data, shape: [length, 1] }, b: { data, shape: [1, length] } };
}
function inner(length: number): ReturnType<typeof outer> {
  const data = Float32Array.from({ length }, (_, index) => index % 7);
  return { a: { data, shape: [1, length] }, b: { data: data.slice(), shape: [length, 1] } };
}

test("small and large inputs and outputs take turns through one thread", async () => {
  await using server = createInferenceServer();
  await server.load("product", { onnx: product, execution: "worker" });
  const sums = (length: number): number => {
    let sum = 0;
    for (let index = 0; index < length; index++) sum += (index % 7) ** 2;
    return sum;
  };
  for (const length of [3, 600, 5, 700, 1, 2]) {
    const inputs = inner(length * 100);
    const { c: sum } = await server.infer("product", inputs);
    expect(sum).toEqual({ type: "float32", shape: [1, 1], data: Float32Array.of(sums(length * 100)) });
    // The caller's arrays are its own, whichever way they went.
    expect(inputs.a.data.length).toBe(length * 100);
    const { c } = await server.infer("product", outer(length));
    expect(c?.shape).toEqual([length, length]);
    expect(c?.data[length * length - 1]).toBe(((length - 1) % 7) ** 2);
    expect(c?.data.length).toBe(length * length);
  }
});

test("an answer is its request's own: the next one does not change it", async () => {
  await using server = createInferenceServer();
  await server.load("scale", { onnx: scale(2), execution: "worker" });
  const answers = [];
  for (let value = 0; value < 50; value++) answers.push(await server.infer("scale", Float32Array.of(value, -value)));
  expect(answers.map(({ y }) => y?.data[0])).toEqual(answers.map((_, value) => 2 * value));
});

test("a run that is refused leaves the thread as it was", async () => {
  await using server = createInferenceServer();
  await server.load("product", { onnx: product, execution: "worker" });
  const data = Float32Array.of(1, 2, 3, 4, 5, 6);
  const misfit = { a: { data, shape: [2, 3] }, b: { data, shape: [2, 3] } };
  for (let round = 0; round < 20; round++) {
    await expect(server.infer("product", misfit)).rejects.toMatchObject({ code: "INFERENCE_FAILED" });
    expect((await server.infer("product", inner(7)))["c"]?.data[0]).toBe(91);
  }
});

test("inputs that are taken away while they wait fail their own request", async () => {
  await using server = createInferenceServer();
  await server.load("scale", { onnx: scale(2), execution: "worker" });
  const data = Float32Array.of(1, 2);
  const robbed = server.infer("scale", data);
  structuredClone(data.buffer, { transfer: [data.buffer] });
  await expect(robbed).rejects.toBeInstanceOf(Error);
  expect((await server.infer("scale", Float32Array.of(3, 4)))["y"]?.data[0]).toBe(6);
});

test("a thread that ends in a run fails its batch alone", async () => {
  const folder = await mkdtemp(join(tmpdir(), "ashlar-infer-"));
  try {
    const file = join(folder, "fragile.mjs");
    await writeFile(
      file,
      `import ort from ${JSON.stringify(import.meta.resolve("onnxruntime-node"))};
       export class Tensor extends ort.Tensor {
         constructor(type, data, dims) {
           if (data[0] === -1) process.exit(9);
           super(type, data, dims);
         }
       }
       export const InferenceSession = ort.InferenceSession;`,
    );
    await using server = createInferenceServer({ ort: pathToFileURL(file).href });
    await server.load("fragile", { onnx: scale(2), execution: "worker", instances: 2 });
    const ask = (value: number): Promise<number | undefined> =>
      server.infer("fragile", Float32Array.of(value, 0)).then(({ y }) => Number(y?.data[0]));
    const [fatal, other] = await Promise.allSettled([ask(-1), ask(4)]);
    expect(fatal).toMatchObject({ reason: { code: "INFERENCE_INSTANCE_CRASHED", retryable: true } });
    expect(await ask(5)).toBe(10);
    expect(other.status === "fulfilled" || (other.reason as { code: string }).code).toBeTruthy();
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("memory that is shared cannot be given away, and is copied", async () => {
  await using server = createInferenceServer({ execution: "worker", batching: { maxBatchRows: 100_000 } });
  await server.load("scale", { onnx: scale(2) });
  const data = new Float32Array(new SharedArrayBuffer(800_000)).fill(3);
  const { y } = await server.infer("scale", { x: { data, shape: [100_000, 2] } }, { transfer: true });
  expect([y?.data[0], y?.data[199_999], data[0]]).toEqual([6, 6, 3]);
});

test("a thread that waits or runs does not hold up the end of the process", async () => {
  const child = fork(new URL("../../test/exit-child.ts", import.meta.url), { execArgv: process.execArgv });
  const [code] = (await once(child, "exit")) as [number];
  expect(code).toBe(7);
});

test("a process that exits in the middle of a run waits for it, and is not aborted by what it gives back", async () => {
  const child = fork(new URL("../../test/busy-child.ts", import.meta.url), { execArgv: process.execArgv });
  expect(await once(child, "exit")).toEqual([7, null]);
});

test("a run after the stop fails, and the thread's next model sees nothing of it", async () => {
  const threads = new ThreadPool();
  const host = { loadTimeoutMs: 60_000, buffers: new BufferPool(), threads };
  const start = (factor: number): Promise<Runner> => {
    const model = scale(factor);
    const options = { runtime: "onnxruntime-node", model, warmup: true, fullBatchRows: 4, maxHeapMb: null };
    return startRunner("scale", options, "worker", host);
  };
  const ask = (runner: Runner, value: number): Promise<unknown> =>
    runner.run([{ data: Float32Array.of(value, value), shape: [1, 2] }]).then(({ outputs }) => outputs[0]?.data[0]);
  for (let factor = 1; factor <= 5; factor++) {
    const runner = await start(factor);
    expect(await ask(runner, 10)).toBe(10 * factor);
    const last = ask(runner, 20);
    const stopped = [runner.stop(), runner.stop()];
    await expect(ask(runner, 30)).rejects.toMatchObject({ code: "INFERENCE_INSTANCE_CRASHED", retryable: true });
    expect(await last).toBe(20 * factor);
    await Promise.all(stopped);
    await expect(ask(runner, 40)).rejects.toMatchObject({ code: "INFERENCE_INSTANCE_CRASHED" });
  }
  await threads.close();
});
