import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { manualClock } from "@ashlar/core/memory";
import { afterEach, describe, expect, test } from "vitest";

import { floatTensor, onnxModel, onnxNode, tensorInfo } from "../onnx/build.ts";
import { encodeOnnx } from "../onnx/encode.ts";
import { createInferenceServer, type InferenceServer, type InferenceServerOptions } from "./index.ts";

/** `y = x * factor`, row by row; two columns. */
function scale(factor: number, input = "x"): Uint8Array {
  return encodeOnnx(
    onnxModel({
      name: "scale",
      nodes: [onnxNode("Mul", [input, "factor"], ["y"])],
      initializers: [floatTensor("factor", [1], [factor])],
      inputs: [tensorInfo(input, "float32", ["rows", 2])],
      outputs: [tensorInfo("y", "float32", ["rows", 2])],
    }),
  );
}

/** A product of two matrices: slow when they are large, and not to be batched. */
const product = encodeOnnx(
  onnxModel({
    name: "product",
    nodes: [onnxNode("MatMul", ["a", "b"], ["c"])],
    inputs: [tensorInfo("a", "float32", ["m", "k"]), tensorInfo("b", "float32", ["k", "n"])],
    outputs: [tensorInfo("c", "float32", ["m", "n"])],
  }),
);

function square(side: number): { data: Float32Array; shape: number[] } {
  return { data: new Float32Array(side * side).fill(1), shape: [side, side] };
}

let server: InferenceServer;
function serve(options: InferenceServerOptions = {}): InferenceServer {
  server = createInferenceServer(options);
  return server;
}
afterEach(() => server[Symbol.asyncDispose]());

describe("inference", () => {
  test("reads the signature from the model and joins requests of one turn into one run", async () => {
    const info = await serve().load("scale", { onnx: scale(3) });
    expect(info).toMatchObject({ name: "scale", version: "1", instances: 1, ready: true, batchable: true });
    expect(info.inputs).toEqual([{ name: "x", type: "float32", shape: [null, 2], symbols: ["rows", null] }]);
    const mine = Float32Array.of(1, 2, 3, 4);
    const [one, two] = await Promise.all([
      server.infer("scale", mine),
      server.infer("scale", { x: { data: Float32Array.of(5, 6), shape: [1, 2] } }),
    ]);
    expect(one["y"]).toEqual({ type: "float32", shape: [2, 2], data: Float32Array.of(3, 6, 9, 12) });
    expect(two["y"]).toEqual({ type: "float32", shape: [1, 2], data: Float32Array.of(15, 18) });
    expect(mine).toEqual(Float32Array.of(1, 2, 3, 4));
    const matrix = { data: Float32Array.of(7, 8), rows: 1, columns: 2 };
    expect((await server.infer("scale", { x: matrix }))["y"]?.data).toEqual(Float32Array.of(21, 24));
    expect(server.statistics()["scale"]).toMatchObject({ requests: 3, rows: 4, batches: 2, failures: 0, queued: 0 });
  });

  test("keeps requests apart when axis 0 of the inputs is not one batch", async () => {
    const info = await serve().load("product", { onnx: product });
    expect(info.batchable).toBe(false);
    const answers = await Promise.all(
      [2, 3].map((side) => server.infer("product", { a: square(side), b: square(side) })),
    );
    expect(answers.map((answer) => answer["c"]?.data[0])).toEqual([2, 3]);
  });

  test("refuses what does not fit before it is queued", async () => {
    await serve({ batching: { maxBatchRows: 4 } }).load("scale", { onnx: scale(1) });
    const invalid = { code: "INFERENCE_INPUT_INVALID" };
    await expect(server.infer("scale", new Float32Array(3))).rejects.toMatchObject(invalid);
    await expect(server.infer("scale", new Float64Array(2))).rejects.toMatchObject(invalid);
    await expect(server.infer("scale", {})).rejects.toMatchObject(invalid);
    await expect(server.infer("scale", { z: square(2) })).rejects.toMatchObject(invalid);
    await expect(server.infer("scale", { x: square(3) })).rejects.toMatchObject(invalid);
    await expect(server.infer("scale", new Float32Array(10))).rejects.toMatchObject({
      code: "INFERENCE_REQUEST_TOO_LARGE",
    });
    await expect(server.infer("absent", new Float32Array(2))).rejects.toMatchObject({ code: "MODEL_NOT_FOUND" });
    await expect(server.infer("scale", new Float32Array(2), { priority: 0 })).rejects.toMatchObject({
      code: "INFERENCE_OPTION_INVALID",
    });
  });

  test("a bad model, a twin, or a missing runtime is an error and changes nothing", async () => {
    await serve().load("scale", { onnx: scale(1) });
    await expect(server.load("bad", { onnx: Uint8Array.of(1, 2, 3) })).rejects.toMatchObject({ code: "MODEL_INVALID" });
    await expect(server.load("scale", { onnx: scale(2) })).rejects.toMatchObject({ code: "MODEL_ALREADY_LOADED" });
    await expect(server.swap("scale", { onnx: Uint8Array.of(1) })).rejects.toMatchObject({ code: "MODEL_INVALID" });
    await expect(server.swap("scale", { onnx: scale(2, "other") })).rejects.toMatchObject({
      code: "MODEL_SIGNATURE_CHANGED",
    });
    expect(server.models().map(({ name, version }) => [name, version])).toEqual([["scale", "1"]]);
    expect((await server.infer("scale", Float32Array.of(7, 8)))["y"]?.data).toEqual(Float32Array.of(7, 8));
    await using bare = createInferenceServer({ ort: "a-runtime-that-is-not-installed" });
    await expect(bare.load("scale", { onnx: scale(1) })).rejects.toThrow('onnxruntime-node@"^1.30.0"');
  });

  test("a model that fails on zeros can be loaded without a warm-up", async () => {
    const reshape = encodeOnnx(
      onnxModel({
        name: "rows of seven",
        nodes: [onnxNode("Reshape", ["x", "shape"], ["y"])],
        initializers: [{ name: "shape", type: "int64", shape: [2], data: [-1, 7] }],
        inputs: [tensorInfo("x", "float32", ["n"])],
        outputs: [tensorInfo("y", "float32", ["m", 7])],
      }),
    );
    await expect(serve().load("m", { onnx: reshape })).rejects.toMatchObject({ code: "MODEL_WARMUP_FAILED" });
    await server.load("m", { onnx: reshape, warmup: false });
    const run = (size: number) => server.infer("m", { x: { data: new Float32Array(size), shape: [size] } });
    await expect(run(3)).rejects.toMatchObject({ code: "INFERENCE_FAILED", status: 500 });
    expect((await run(14))["y"]?.shape).toEqual([2, 7]);
  });

  test("a full queue, a deadline and an abort each end a request; the others are answered", async () => {
    await serve({ batching: { queueLimit: 2 } }).load("product", { onnx: product });
    const big = { a: square(600), b: square(600) };
    const running = server.infer("product", big);
    await new Promise((resolve) => setImmediate(resolve));
    const abort = new AbortController();
    const late = server.infer("product", big, { deadlineMs: 1 });
    const taken = server.infer("product", big, { signal: abort.signal });
    await expect(server.infer("product", big)).rejects.toMatchObject({ code: "INFERENCE_QUEUE_FULL", retryable: true });
    abort.abort(new Error("not needed"));
    await expect(taken).rejects.toThrow("not needed");
    await expect(late).rejects.toMatchObject({ code: "INFERENCE_DEADLINE_EXCEEDED", status: 503 });
    expect((await running)["c"]?.data[0]).toBe(600);
    expect(server.statistics()["product"]).toMatchObject({ requests: 1, failures: 2, refused: 1 });
  });

  test("a batch grows until the delay is over or it is full", async () => {
    const clock = manualClock();
    await serve({ clock, batching: { maxDelayMs: 10, maxBatchRows: 3 } }).load("scale", { onnx: scale(1) });
    const row = Float32Array.of(1, 1);
    const first = server.infer("scale", row);
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(server.statistics()["scale"]?.queued).toBe(1);
    const second = server.infer("scale", row);
    clock.advance(10);
    await Promise.all([first, second]);
    await Promise.all([row, row, row].map((data) => server.infer("scale", data)));
    expect(server.statistics()["scale"]).toMatchObject({ requests: 5, batches: 2 });
  });

  test("the calling thread keeps ticking while a heavy model runs", async () => {
    await serve().load("product", { onnx: product });
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    const heavy = { a: square(1024), b: square(1024) };
    await Promise.all([1, 2, 3].map(() => server.infer("product", heavy)));
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(10);
  });

  test("no request is lost while versions are swapped under load", async () => {
    await serve().load("scale", { onnx: scale(1), instances: 2 });
    const stop = new AbortController();
    const seen = new Set<number>();
    const client = async (): Promise<number> => {
      let answered = 0;
      for (; !stop.signal.aborted && answered < 100_000; answered++) {
        const { y } = await server.infer("scale", Float32Array.of(1, 1));
        seen.add(Number(y?.data[0]));
      }
      return answered;
    };
    const clients = Array.from({ length: 8 }, client);
    for (let factor = 2; factor <= 6; factor++) await server.swap("scale", { onnx: scale(factor) });
    expect((await server.infer("scale", Float32Array.of(1, 1)))["y"]?.data[0]).toBe(6);
    stop.abort();
    const answered = (await Promise.all(clients)).reduce((sum, count) => sum + count, 0);
    expect(server.statistics()["scale"]).toMatchObject({ requests: answered + 1, failures: 0 });
    expect(server.models()).toMatchObject([{ version: "6", instances: 2 }]);
    expect(seen.size).toBeGreaterThan(1);
  });

  test("a dead instance fails its batch as retryable and is replaced", async () => {
    const folder = await mkdtemp(join(tmpdir(), "ashlar-infer-"));
    try {
      // A runtime that kills its thread when it is given -1: what a fault in native code looks like from outside.
      const fragile = join(folder, "fragile.mjs");
      await writeFile(
        fragile,
        `import ort from ${JSON.stringify(import.meta.resolve("onnxruntime-node"))};
         export class Tensor extends ort.Tensor {
           constructor(type, data, dims) { if (data[0] === -1) process.exit(9); super(type, data, dims); }
         }
         export const InferenceSession = ort.InferenceSession;`,
      );
      await serve({ ort: pathToFileURL(fragile).href }).load("scale", {
        onnx: scale(2),
        execution: "worker",
      });
      await expect(server.infer("scale", Float32Array.of(-1, 0))).rejects.toMatchObject({
        code: "INFERENCE_INSTANCE_CRASHED",
        retryable: true,
      });
      expect((await server.infer("scale", Float32Array.of(4, 0)))["y"]?.data[0]).toBe(8);
      expect(server.models()).toMatchObject([{ instances: 1, ready: true }]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("unload answers what was accepted; a closed server refuses", async () => {
    await serve().load("scale", { onnx: scale(2) });
    const accepted = server.infer("scale", Float32Array.of(1, 1));
    await server.unload("scale");
    expect((await accepted)["y"]?.data[0]).toBe(2);
    expect(server.models()).toEqual([]);
    await server[Symbol.asyncDispose]();
    await expect(server.load("scale", { onnx: scale(2) })).rejects.toMatchObject({ code: "MODEL_UNAVAILABLE" });
  });
});
