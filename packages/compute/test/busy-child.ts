import { createInferenceServer } from "../src/infer/index.ts";
import { product, square } from "./onnx-models.ts";

/** Ends with `process.exit` in the middle of a run of native code in a thread. */
const server = createInferenceServer({ execution: "worker" });
await server.load("product", { onnx: product });
void server.infer("product", { a: square(1500), b: square(1500) });
setTimeout(() => process.exit(7), 20);
