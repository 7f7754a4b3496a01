import { execFile, execFileSync } from "node:child_process";
import { createServer } from "node:http";
import { type AddressInfo, createServer as createConnections, type Server as Listener, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { encodeOnnx, floatTensor, onnxModel, onnxNode, tensorInfo } from "@ashlar/compute";
import {
  createInferenceServer,
  type InferenceServer,
  type ModelSource,
  openModelRepository,
  type ProtocolOptions,
} from "@ashlar/compute/inference";
import * as grpc from "@grpc/grpc-js";
import { expect, test } from "vitest";

import { identityOf } from "../../packages/compute/test/onnx-models.ts";

const root = new URL("../../", import.meta.url);
const python = process.env["ASHLAR_PYTHON"] ?? fileURLToPath(new URL(".venv/bin/python", root));

function missing(): boolean {
  try {
    execFileSync(python, ["-c", "import tritonclient.http, tritonclient.grpc"], { stdio: "ignore" });
    return false;
  } catch {
    return true;
  }
}

const reason = `python with tritonclient[grpc,http] is missing at ${process.env["ASHLAR_PYTHON"] ?? ".venv/bin/python"}`;
const skip = missing() && process.env["CI"] === undefined;

const identity = encodeOnnx(
  onnxModel({
    name: "identity",
    nodes: [onnxNode("Identity", ["x"], ["y"]), onnxNode("Identity", ["count"], ["same"])],
    inputs: [tensorInfo("x", "float32", ["n", 2]), tensorInfo("count", "int64", ["n"])],
    outputs: [tensorInfo("y", "float32", ["n", 2]), tensorInfo("same", "int64", ["n"])],
  }),
);

/** Gives the sum of what it was given so far, and keeps it as state. */
const sum = encodeOnnx(
  onnxModel({
    name: "sum",
    nodes: [onnxNode("Add", ["x", "before"], ["y"]), onnxNode("Identity", ["y"], ["after"])],
    inputs: [tensorInfo("x", "float32", ["n", 1]), tensorInfo("before", "float32", ["n", 1])],
    outputs: [tensorInfo("y", "float32", ["n", 1]), tensorInfo("after", "float32", ["n", 1])],
  }),
);

const stored = encodeOnnx(
  onnxModel({
    name: "stored",
    nodes: [onnxNode("Mul", ["x", "factor"], ["y"])],
    initializers: [floatTensor("factor", [1], [2])],
    inputs: [tensorInfo("x", "float32", ["n", 2])],
    outputs: [tensorInfo("y", "float32", ["n", 2])],
  }),
);

/** `TensorProto.DataType` of each type that tritonclient can send. */
const typeCodes = {
  bool: 9,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  uint32: 12,
  int32: 6,
  uint64: 13,
  int64: 7,
  float16: 10,
  float32: 1,
  float64: 11,
  string: 8,
};

async function load(server: InferenceServer): Promise<void> {
  await server.load("m", { onnx: identity, version: "3", labels: { y: ["first", "second"] } });
  await server.load("sum", { onnx: sum, sequence: { states: [{ input: "before", output: "after" }] } });
  for (const [name, code] of Object.entries(typeCodes)) {
    await server.load(`type_${name}`, { onnx: identityOf(code), execution: "inline" });
  }
}

const source: ModelSource = {
  list: async () => [{ name: "stored", settingsStamp: "", versions: [{ version: "1", stamp: "1" }] }],
  read: async () => stored,
  settings: async () => undefined,
};

/** The two ways of serving sockets. */
const ways: Readonly<Record<string, (server: InferenceServer, options: ProtocolOptions) => Listener>> = {
  "a listener of node:http": (server, options) => createServer(server.listener(options)),
  "a listener for connections": (server, options) => createConnections(server.connectionListener(options)),
};

async function listen(server: InferenceServer, way: string): Promise<AsyncDisposable & { http: string; grpc: string }> {
  const options = { repository: openModelRepository(server, source) };
  const http = ways[way]?.(server, options) as Listener;
  const sockets: Set<Socket> = new Set();
  http.on("connection", (socket: Socket) => sockets.add(socket));
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const service = server.grpc(options);
  const rpc = new grpc.Server();
  rpc.addService(service.definition, service.implementation);
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  rpc.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) =>
    error === null ? resolve(port) : reject(error),
  );
  return {
    http: `127.0.0.1:${(http.address() as AddressInfo).port}`,
    grpc: `127.0.0.1:${await promise}`,
    [Symbol.asyncDispose]: async () => {
      rpc.forceShutdown();
      http.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

const name = skip ? `tritonclient (skipped: ${reason})` : "tritonclient over HTTP and gRPC, by %s";

test.skipIf(skip).each(Object.keys(ways))(name, async (way) => {
  await using server = createInferenceServer();
  await load(server);
  await using listening = await listen(server, way);
  const script = fileURLToPath(new URL("./client.py", import.meta.url));
  const { stdout } = await promisify(execFile)(python, [script, listening.http, listening.grpc], { timeout: 120_000 });
  const seen = JSON.parse(stdout) as { http: object; grpc: object };
  const types = Object.fromEntries([...Object.keys(typeCodes), "bfloat16"].map((name) => [name, true]));
  const managed = {
    live: true,
    ready: true,
    model_ready: true,
    absent_ready: false,
    loaded: true,
    batches: [3, 5],
    unloaded: true,
  };
  const both = {
    ...managed,
    classes: ["0.500000:0:first", "4.000000:1:second"],
    types,
    sequence: [1, 3, 6],
    statistics: expect.any(Number) as number,
    index: [{ name: "stored", state: "UNAVAILABLE", reason: "unloaded" }],
  };
  const answered = { id: "7", equal: true };
  expect(seen.http).toMatchObject({
    ...both,
    server: { extensions: expect.arrayContaining(["binary_tensor_data", "classification"]) as string[] },
    model: { name: "m", inputs: [{ name: "x", datatype: "FP32", shape: [-1, 2] }, { name: "count" }] },
    ...Object.fromEntries(
      ["json", "binary"].flatMap((form) =>
        ["gzip", "deflate", "None"].map((packed) => [`${form} ${packed}`, answered]),
      ),
    ),
    error: ["400", expect.stringContaining(`"count" is missing`) as string],
    config: { max_batch_size: 256, input: [{ data_type: "TYPE_FP32", dims: [2] }, {}] },
  });
  expect(seen.grpc).toMatchObject({
    ...both,
    model: { name: "m", inputs: [{ name: "x", datatype: "FP32", shape: ["-1", "2"] }, { name: "count" }] },
    infer: answered,
    error: ["StatusCode.INVALID_ARGUMENT", expect.stringContaining(`"count" is missing`) as string],
    config: { max_batch_size: 256, input: [{ data_type: "TYPE_FP32", dims: ["2"] }, {}] },
    stream: { answered: 19, failed: [expect.stringContaining("missing") as string] },
  });
});
