import { type AddressInfo, createServer } from "node:net";

import { createInferenceServer } from "@ashlar/compute/inference";

import { network } from "./inference-child.ts";

/** What the suite asks of this process. */
export type GrowthQuestion = "swap" | "resident";

// Serves the network until its parent is gone; swaps it for a new version of itself, or tells its resident memory.
const server = createInferenceServer();
const onnx = network();
await server.load("network", { onnx });
const listener = createServer(server.connectionListener());
await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
process.on("message", async (question: GrowthQuestion) => {
  if (question === "swap") await server.swap("network", { onnx });
  process.send?.(process.memoryUsage.rss());
});
process.on("disconnect", () => process.exit(0));
process.send?.((listener.address() as AddressInfo).port);
