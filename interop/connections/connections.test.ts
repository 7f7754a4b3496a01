import { fork } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { encodeOnnx, onnxModel, onnxNode, tensorInfo } from "@ashlar/compute";
import { createInferenceServer } from "@ashlar/compute/inference";
import { expect, test } from "vitest";

const identity = encodeOnnx(
  onnxModel({
    name: "identity",
    nodes: [onnxNode("Identity", ["x"], ["y"])],
    inputs: [tensorInfo("x", "float32", ["n", 2])],
    outputs: [tensorInfo("y", "float32", ["n", 2])],
  }),
);

test("10,000 connections are held, each gets its answer, and one more is served", async () => {
  await using server = createInferenceServer();
  await server.load("identity", { onnx: identity });
  const listener = createServer(server.listener());
  listener.listen(0, "127.0.0.1", 4096);
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;
  const body = JSON.stringify({ inputs: [{ name: "x", datatype: "FP32", shape: [1, 2], data: [1, 2] }] });
  const child = fork(new URL("./client.ts", import.meta.url), [String(port), "10000", body]);
  try {
    const [seen] = (await once(child, "message")) as [unknown];
    expect(seen).toEqual({ answers: 10_000, failures: 0 });
    const url = `http://127.0.0.1:${port}/v2/models/identity/infer`;
    expect((await fetch(url, { method: "POST", body })).status).toBe(200);
  } finally {
    child.disconnect();
    await once(child, "exit");
    listener.closeAllConnections();
    listener.close();
  }
});
