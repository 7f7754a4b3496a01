import { parentPort, workerData } from "node:worker_threads";

import * as ort from "onnxruntime-node";

/** What the thread is started with: a model, and the input that it is run on. */
export interface ModelThreadData {
  readonly onnx: Uint8Array;
  readonly name: string;
  readonly shape: readonly number[];
}

// Runs the model once for each message, with nothing sent but the word that it is done.
const { onnx, name, shape } = workerData as ModelThreadData;
const session = await ort.InferenceSession.create(onnx, { intraOpNumThreads: 1 });
const size = shape.reduce((product, length) => product * length, 1);
const input = new ort.Tensor("float32", new Float32Array(size).fill(0.5), [...shape]);
parentPort?.on("message", async () => {
  await session.run({ [name]: input });
  parentPort?.postMessage("done", []);
});
parentPort?.postMessage("ready", []);
