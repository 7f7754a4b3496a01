import { createInferenceServer } from "../src/infer/index.ts";
import { scale } from "./onnx-models.ts";

/** Ends with `process.exit` while an instance waits in its thread and another runs. */
const server = createInferenceServer();
await server.load("scale", { onnx: scale(2), execution: "worker" });
await server.infer("scale", Float32Array.of(1, 2));
void server.infer("scale", Float32Array.of(1, 2));
process.exit(7);
