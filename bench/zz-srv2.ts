import { createServer } from "node:http";
import net from "node:net";
import { createInferenceServer } from "@ashlar/compute/inference";
import * as ort from "onnxruntime-node";
import { network, bareLoop } from "./inference-child.ts";
const server = createInferenceServer();
const onnx = network();
await server.load("network", { onnx });
const l = process.argv[2] === "http" ? createServer(server.listener()) : net.createServer(server.connectionListener());
await new Promise<void>((r) => l.listen(0, "127.0.0.1", r));
const session = await ort.InferenceSession.create(onnx, { intraOpNumThreads: 1 });
process.on("message", async (m: any) => {
  if (m === "cpu") process.send!(process.cpuUsage());
  else process.send!(await bareLoop(session, "network", m.rows, 1000));
});
process.send!({ port: (l.address() as any).port });
process.on("disconnect", () => setTimeout(() => process.exit(0), 300));
