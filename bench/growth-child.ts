import { type AddressInfo, createServer } from "node:net";
import { getHeapSpaceStatistics } from "node:v8";

import { createInferenceServer } from "@ashlar/compute/inference";

import { network } from "./inference-child.ts";

/** What the suite asks of this process. */
export type GrowthQuestion = "swap" | "memory";

/** In bytes. */
export interface Memory {
  readonly resident: number;
  /** Of it, what V8 takes for young objects: under load it lets that grow, whatever a program leaves behind. */
  readonly young: number;
}

// Serves the network until its parent is gone; swaps it for a new version of itself, or tells its resident memory.
const server = createInferenceServer();
const onnx = network();
await server.load("network", { onnx });
const listener = createServer(server.connectionListener());
await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
process.on("message", async (question: GrowthQuestion) => {
  if (question === "swap") await server.swap("network", { onnx });
  const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space");
  process.send?.({ resident: process.memoryUsage.rss(), young: young?.physical_space_size ?? 0 } satisfies Memory);
});
process.on("disconnect", () => process.exit(0));
process.send?.((listener.address() as AddressInfo).port);
