import { execFile, execFileSync } from "node:child_process";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { encodeOnnx, onnxModel, onnxNode, tensorInfo } from "@ashlar/compute";
import { createInferenceServer } from "@ashlar/compute/inference";
import { expect, test } from "vitest";

const root = new URL("../../", import.meta.url);
const python = process.env["ASHLAR_PYTHON"] ?? fileURLToPath(new URL(".venv/bin/python", root));

function missing(): boolean {
  try {
    execFileSync(python, ["-c", "import tritonclient.http"], { stdio: "ignore" });
    return false;
  } catch {
    return true;
  }
}

const reason = `python with tritonclient[http] is missing at ${process.env["ASHLAR_PYTHON"] ?? ".venv/bin/python"}`;
const skip = missing() && process.env["CI"] === undefined;

test.skipIf(skip)(skip ? `tritonclient (skipped: ${reason})` : "tritonclient", async () => {
  const identity = encodeOnnx(
    onnxModel({
      name: "identity",
      nodes: [onnxNode("Identity", ["x"], ["y"]), onnxNode("Identity", ["count"], ["same"])],
      inputs: [tensorInfo("x", "float32", ["n", 2]), tensorInfo("count", "int64", ["n"])],
      outputs: [tensorInfo("y", "float32", ["n", 2]), tensorInfo("same", "int64", ["n"])],
    }),
  );
  await using server = createInferenceServer();
  await server.load("m", { onnx: identity, version: "3" });
  const listener = await listen(server.handler());
  try {
    const { port } = listener.address() as AddressInfo;
    const script = fileURLToPath(new URL("./client.py", import.meta.url));
    const { stdout } = await promisify(execFile)(python, [script, `127.0.0.1:${port}`], { timeout: 120_000 });
    expect(JSON.parse(stdout)).toMatchObject({
      live: true,
      ready: true,
      model_ready: true,
      absent_ready: false,
      server: { extensions: ["binary_tensor_data"] },
      model: { name: "m", inputs: [{ name: "x", datatype: "FP32", shape: [-1, 2] }, { name: "count" }] },
      json: { id: "7", equal: true },
      binary: { id: "7", equal: true },
      error: expect.stringContaining(`"count" is missing`) as string,
    });
  } finally {
    listener.closeAllConnections();
    listener.close();
  }
});

/** The handler on a free port of the loopback. */
async function listen(handler: (request: Request) => Promise<Response>): Promise<Server> {
  const listener = createServer(async (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const headers = Object.entries(incoming.headers).map(([name, value]): [string, string] => [name, String(value)]);
    const body = incoming.method === "POST" ? { body: Buffer.concat(chunks) } : {};
    const url = `http://127.0.0.1${incoming.url ?? "/"}`;
    const response = await handler(new Request(url, { method: incoming.method ?? "GET", headers, ...body }));
    outgoing.writeHead(response.status, Object.fromEntries(response.headers));
    outgoing.end(Buffer.from(await response.arrayBuffer()));
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  return listener;
}
