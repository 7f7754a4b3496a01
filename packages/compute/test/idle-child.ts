import { createInferenceServer } from "../src/infer/index.ts";
import { scale } from "./onnx-models.ts";

/** Serves a model inline and has nothing more to do: the thread of its warm-up is kept. With "close" it closes the server. */
const server = createInferenceServer();
await server.load("scale", { onnx: scale(2), inlineBelowMicros: 1e9 });
await server.infer("scale", Float32Array.of(1, 2));
process.send?.(server.models()[0]?.execution);
process.disconnect();
if (process.argv[2] === "close") {
  await server[Symbol.asyncDispose]();
  process.exitCode = 3;
}
