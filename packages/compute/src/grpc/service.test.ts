import { fileURLToPath } from "node:url";

import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { product, scale, square } from "../../test/onnx-models.ts";
import { createInferenceServer, type InferenceServer } from "../infer/index.ts";
import { onnxModel, onnxNode, tensorInfo } from "../onnx/build.ts";
import { encodeOnnx } from "../onnx/encode.ts";

/** A client made of the published file by the usual libraries. */
const proto = fileURLToPath(new URL("../../open-inference.proto", import.meta.url));
const loaded = loadSync(proto, { keepCase: true, longs: String, enums: String, defaults: true });
const Client = (grpc.loadPackageDefinition(loaded)["inference"] as grpc.GrpcObject)[
  "GRPCInferenceService"
] as grpc.ServiceClientConstructor;

const identity = encodeOnnx(
  onnxModel({
    name: "identity",
    nodes: [onnxNode("Identity", ["x"], ["y"]), onnxNode("Identity", ["count"], ["same"])],
    inputs: [tensorInfo("x", "float32", ["n", 2]), tensorInfo("count", "int64", ["n"])],
    outputs: [tensorInfo("y", "float32", ["n", 2]), tensorInfo("same", "int64", ["n"])],
  }),
);

let server: InferenceServer;
let listener: grpc.Server;
let client: InstanceType<grpc.ServiceClientConstructor>;
beforeAll(async () => {
  server = createInferenceServer({ batching: { maxDelayMs: 0 } });
  await server.load("m", { onnx: identity, version: "3", labels: { y: ["no", "yes"] } });
  await server.load("product", { onnx: product });
  await server.load("held", { onnx: scale(2), execution: "worker", batching: { maxDelayMs: 60_000 } });
  listener = new grpc.Server();
  const { definition, implementation } = server.grpc({ serverName: "test" });
  listener.addService(definition, implementation);
  const bind = Promise.withResolvers<number>();
  listener.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) =>
    error === null ? bind.resolve(port) : bind.reject(error),
  );
  client = new Client(`127.0.0.1:${await bind.promise}`, grpc.credentials.createInsecure());
});
afterAll(async () => {
  client.close();
  listener.forceShutdown();
  await server[Symbol.asyncDispose]();
});

type Reply = Readonly<Record<string, unknown>>;
function call(method: string, request: object, options: grpc.CallOptions = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    (client[method] as grpc.requestCallback<Reply> & ((...args: unknown[]) => void))(
      request,
      options,
      (error: grpc.ServiceError | null, reply: Reply) => (error === null ? resolve(reply) : reject(error)),
    );
  });
}

const raw = (values: readonly number[]): Buffer => Buffer.from(Float32Array.from(values).buffer);
const x = { name: "x", datatype: "FP32", shape: [1, 2] };
const count = { name: "count", datatype: "INT64", shape: [1] };
const wide = "9223372036854775807";

describe("the Open Inference Protocol over gRPC", () => {
  test("a model that sleeps is ready, and is not woken by the question", async () => {
    server.addLazy("lazy", { load: async () => ({ onnx: scale(2) }) });
    expect(await call("ModelReady", { name: "lazy" })).toEqual({ ready: true });
    expect(await call("ModelStatistics", { name: "lazy" })).toEqual({ model_stats: [] });
    expect(server.models().map(({ name }) => name)).not.toContain("lazy");
    expect(await call("ModelMetadata", { name: "lazy" })).toMatchObject({ name: "lazy", versions: ["1"] });
    await server.unload("lazy");
  });

  test("health, metadata, configuration and statistics", async () => {
    expect(await call("ServerLive", {})).toEqual({ live: true });
    expect(await call("ServerReady", {})).toEqual({ ready: true });
    expect(await call("ModelReady", { name: "m", version: "3" })).toEqual({ ready: true });
    expect(await call("ServerMetadata", {})).toMatchObject({
      name: "test",
      extensions: expect.arrayContaining(["statistics"]) as string[],
    });
    expect(await call("ModelMetadata", { name: "m" })).toMatchObject({
      versions: ["3"],
      inputs: [{ name: "x", datatype: "FP32", shape: ["-1", "2"] }, { name: "count" }],
    });
    expect(await call("ModelConfig", { name: "m" })).toMatchObject({
      config: {
        max_batch_size: 256,
        input: [
          { data_type: "TYPE_FP32", dims: ["2"] },
          { data_type: "TYPE_INT64", dims: [] },
        ],
        instance_group: [{ kind: "KIND_CPU", count: 1 }],
      },
    });
    const stats = await call("ModelStatistics", { name: "m" });
    expect(stats).toMatchObject({ model_stats: [{ name: "m", version: "3" }] });
    expect(await call("RepositoryIndex", {})).toMatchObject({ models: [{ name: "m", state: "READY" }, {}, {}] });
  });

  test("tensors in contents and raw, with whole numbers of 64 bits exact", async () => {
    const typed = await call("ModelInfer", {
      model_name: "m",
      id: "7",
      inputs: [
        { ...x, contents: { fp32_contents: [0.5, Number.NaN] } },
        { ...count, contents: { int64_contents: [wide] } },
      ],
    });
    expect(typed).toMatchObject({
      model_name: "m",
      model_version: "3",
      id: "7",
      outputs: [{ name: "y", shape: ["1", "2"] }, {}],
    });
    const outputs = typed["raw_output_contents"] as readonly Buffer[];
    expect(outputs[0]).toEqual(raw([0.5, Number.NaN]));
    expect(outputs[1]?.readBigInt64LE()).toBe(BigInt(wide));
    const asBytes = await call("ModelInfer", {
      model_name: "m",
      inputs: [x, count],
      outputs: [{ name: "y", parameters: { classification: { int64_param: 1 } } }],
      raw_input_contents: [raw([1, 2]), outputs[1]],
    });
    expect(asBytes).toMatchObject({ outputs: [{ name: "y", datatype: "BYTES", shape: ["1", "1"] }] });
    expect((asBytes["raw_output_contents"] as readonly Buffer[])[0]?.subarray(4).toString()).toBe("2.000000:1:yes");
  });

  test("errors carry the codes of gRPC", async () => {
    const code = async (method: string, request: object, options?: grpc.CallOptions): Promise<unknown> =>
      call(method, request, options).then(
        () => 0,
        (error: grpc.ServiceError) => error.code,
      );
    const { status } = grpc;
    const infer = (changes: object) => code("ModelInfer", { model_name: "m", inputs: [x, count], ...changes });
    expect(await call("ModelReady", { name: "absent" })).toEqual({ ready: false });
    expect(await code("ModelMetadata", { name: "absent" })).toBe(status.NOT_FOUND);
    expect(await infer({ model_name: "absent" })).toBe(status.NOT_FOUND);
    expect(await infer({ raw_input_contents: [raw([1, 2])] })).toBe(status.INVALID_ARGUMENT);
    expect(await infer({ raw_input_contents: [raw([1]), Buffer.alloc(8)] })).toBe(status.INVALID_ARGUMENT);
    expect(await infer({ inputs: [x, x] })).toBe(status.INVALID_ARGUMENT);
    expect(await infer({ inputs: [{ ...x, datatype: "FP16", contents: {} }] })).toBe(status.INVALID_ARGUMENT);
    expect(await infer({ inputs: [{ ...x, shape: ["-1", "2"] }] })).toBe(status.INVALID_ARGUMENT);
    const shared = { ...x, parameters: { shared_memory_region: { string_param: "r" } } };
    expect(await infer({ inputs: [shared] })).toBe(status.UNIMPLEMENTED);
    expect(await code("RepositoryModelLoad", { model_name: "m" })).toBe(status.UNIMPLEMENTED);
    expect(await code("RepositoryModelUnload", { model_name: "m" })).toBe(status.UNIMPLEMENTED);
    const heavy = { ...square(700) };
    const ab = ["a", "b"].map((name) => ({ name, datatype: "FP32", shape: heavy.shape }));
    const bytes = Buffer.from(heavy.data.buffer);
    const late = { model_name: "product", inputs: ab, raw_input_contents: [bytes, bytes] };
    expect(await code("ModelInfer", { ...late, parameters: { timeout: { int64_param: 1 } } })).toBe(
      status.DEADLINE_EXCEEDED,
    );
  });

  test("a client that goes away takes its waiting request out of the queue", async () => {
    const request = {
      model_name: "held",
      inputs: [x],
      raw_input_contents: [raw([1, 2])],
    };
    const queued = (): number | undefined => server.statistics()["held"]?.queued;
    const under = (client["ModelInfer"] as (request: object, done: () => void) => grpc.ClientUnaryCall).call(
      client,
      request,
      () => {},
    );
    await expect.poll(queued, { timeout: 20_000 }).toBe(1);
    under.cancel();
    await expect.poll(queued, { timeout: 20_000 }).toBe(0);
  });

  test("a stream answers each request, and an error is the answer of its request only", async () => {
    const stream = (client["ModelStreamInfer"] as () => grpc.ClientDuplexStream<object, Reply>).call(client);
    const replies: Reply[] = [];
    const ended = new Promise<void>((resolve, reject) => stream.on("end", resolve).on("error", reject));
    stream.on("data", (reply: Reply) => replies.push(reply));
    for (let id = 0; id < 200; id++) {
      const inputs = id === 50 ? [] : [x, count];
      stream.write({
        model_name: "m",
        id: String(id),
        inputs,
        raw_input_contents: inputs.length > 0 ? [raw([id, 0]), Buffer.alloc(8)] : [],
      });
    }
    stream.end();
    await ended;
    expect(replies.length).toBe(200);
    const failed = replies.filter((reply) => (reply["error_message"] as string) !== "");
    expect(failed).toMatchObject([
      { error_message: expect.stringContaining("missing") as string, infer_response: { id: "50" } },
    ]);
  });
});
