import { once } from "node:events";
import { Worker } from "node:worker_threads";

import { encodeOnnx, floatTensor, onnxModel, onnxNode, tensorInfo } from "@ashlar/compute";
import { createInferenceServer } from "@ashlar/compute/inference";
import * as ort from "onnxruntime-node";

import type { ModelThreadData } from "./model-thread.ts";

/**
 * How the model is run: by a server, also with inputs given away and outputs freed, and as much work on tensors of one
 * number; on the thread whose event loop is watched; or in a thread that nothing is sent to, so that the watch is alone.
 */
export type GapWay = "served" | "given away" | "small" | "same thread" | "alone";

const runs = 5;
const side = 1400;
const shape = [side, side];
const onnx = encodeOnnx(
  onnxModel({
    name: "product",
    nodes: [onnxNode("MatMul", ["a", "a"], ["b"]), onnxNode("MatMul", ["b", "a"], ["c"])],
    inputs: [tensorInfo("a", "float32", shape)],
    outputs: [tensorInfo("c", "float32", shape)],
  }),
);
/** As much work between tensors of one number: `(x * w) w w`, summed. */
const ones = new Float32Array(side).fill(1);
const small = encodeOnnx(
  onnxModel({
    name: "small",
    nodes: [
      onnxNode("Mul", ["w", "x"], ["a"]),
      onnxNode("MatMul", ["a", "w"], ["b"]),
      onnxNode("MatMul", ["b", "w"], ["c"]),
      onnxNode("MatMul", ["c", "column"], ["d"]),
      onnxNode("MatMul", ["row", "d"], ["y"]),
    ],
    initializers: [
      floatTensor("w", shape, new Float32Array(side * side).fill(0.5)),
      floatTensor("column", [side, 1], ones),
      floatTensor("row", [1, side], ones),
    ],
    inputs: [tensorInfo("x", "float32", [1])],
    outputs: [tensorInfo("y", "float32", [1, 1])],
  }),
);
const data = new Float32Array(side * side).fill(0.5);

const server = createInferenceServer();
await server.load("product", { onnx });
await server.load("small", { onnx: small });
const session = await ort.InferenceSession.create(onnx, { intraOpNumThreads: 1 });
const thread = new Worker(new URL("./model-thread.ts", import.meta.url), {
  workerData: { onnx, name: "a", shape } satisfies ModelThreadData,
});
await once(thread, "message");

const ways: Readonly<Record<GapWay, () => readonly (() => Promise<unknown>)[]>> = {
  served: () => repeated(() => server.infer("product", { a: { data, shape } })),
  "given away": () =>
    // Made before the watch begins: it is not the server that makes inputs.
    Array.from({ length: runs }, () => data.slice()).map((given) => async () => {
      const outputs = await server.infer("product", { a: { data: given, shape } }, { transfer: true });
      (outputs["c"] as { readonly data: Float32Array<ArrayBuffer> }).data.buffer.transfer(0);
    }),
  small: () => repeated(() => server.infer("small", Float32Array.of(0.5))),
  "same thread": () => repeated(() => session.run({ a: new ort.Tensor("float32", data, shape) })),
  alone: () =>
    repeated(async () => {
      thread.postMessage("run", []);
      await once(thread, "message");
    }),
};

function repeated(run: () => Promise<unknown>): readonly (() => Promise<unknown>)[] {
  return Array.from({ length: runs }, () => run);
}

/** In milliseconds. */
async function longestGap(calls: readonly (() => Promise<unknown>)[]): Promise<number> {
  globalThis.gc?.();
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }, 1);
  for (const call of calls) await call();
  clearInterval(timer);
  return Math.max(longest, performance.now() - last);
}

process.on("message", async (way: GapWay) => process.send?.(await longestGap(ways[way]())));
process.on("disconnect", () => process.exit(0));
process.send?.("ready");
