import { fork } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { Agent, request } from "node:https";
import { type AddressInfo, createServer as createConnections, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";

import { encodeOnnx, onnxModel, onnxNode, tensorInfo } from "@ashlar/compute";
import { createInferenceServer, type InferenceServer } from "@ashlar/compute/inference";
import { expect, test } from "vitest";

import { createAuthority } from "../../packages/networking/test/certificates.ts";

const identity = encodeOnnx(
  onnxModel({
    name: "identity",
    nodes: [onnxNode("Identity", ["x"], ["y"])],
    inputs: [tensorInfo("x", "float32", ["n", 2])],
    outputs: [tensorInfo("y", "float32", ["n", 2])],
  }),
);

const body = JSON.stringify({ inputs: [{ name: "x", datatype: "FP32", shape: [1, 2], data: [1, 2] }] });

const ways: readonly (readonly [name: string, listen: (server: InferenceServer) => Server])[] = [
  ["a listener of node:http", (server) => createServer(server.listener())],
  // Those that were answered first wait longer for the others than a connection may be idle by default.
  [
    "a listener for connections",
    (server) => createConnections(server.connectionListener({ keepAliveTimeoutMs: 60_000 })),
  ],
];

test.each(ways)(
  "10,000 connections of %s are held, each gets its answer, and one more is served",
  async (_, listen) => {
    await using server = createInferenceServer();
    await server.load("identity", { onnx: identity });
    const listener = listen(server);
    const sockets: Set<Socket> = new Set();
    listener.on("connection", (socket: Socket) => sockets.add(socket));
    listener.listen(0, "127.0.0.1", 4096);
    await once(listener, "listening");
    const { port } = listener.address() as AddressInfo;
    const child = fork(new URL("./client.ts", import.meta.url), [String(port), "10000", body]);
    try {
      const [seen] = (await once(child, "message")) as [unknown];
      expect(seen).toEqual({ answers: 10_000, failures: 0 });
      const url = `http://127.0.0.1:${port}/v2/models/identity/infer`;
      expect((await fetch(url, { method: "POST", body })).status).toBe(200);
    } finally {
      child.disconnect();
      await once(child, "exit");
      listener.close();
      for (const socket of sockets) socket.destroy();
    }
  },
);

test("connections of TLS are served too, plain requests and others on one of them", async () => {
  await using server = createInferenceServer();
  await server.load("identity", { onnx: identity });
  const authority = await createAuthority();
  const listener = createTlsServer(await authority.issue("server"), server.connectionListener());
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: authority.cert });
  const ask = async (headers: Record<string, string>): Promise<[number | undefined, unknown]> => {
    const sent = request({
      agent,
      port,
      host: "127.0.0.1",
      path: "/v2/models/identity/infer",
      method: "POST",
      headers,
    });
    sent.end(body);
    const [answer] = await once(sent, "response");
    return [answer.statusCode, JSON.parse(Buffer.concat(await answer.toArray()).toString())];
  };
  const expected = [200, expect.objectContaining({ outputs: [expect.objectContaining({ data: [1, 2] })] })];
  try {
    for (let count = 0; count < 20; count++) {
      expect(await ask({ "content-length": String(body.length) })).toEqual(expected);
    }
    expect(await ask({ "transfer-encoding": "chunked" })).toEqual(expected);
    expect(await ask({ "content-length": String(body.length) })).toEqual(expected);
  } finally {
    agent.destroy();
    listener.close();
  }
});
