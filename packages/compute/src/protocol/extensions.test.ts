import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { askChecked } from "../../test/ask-checked.ts";
import { scale } from "../../test/onnx-models.ts";
import { createInferenceServer, type InferenceServer, type ModelSource, openModelRepository } from "../infer/index.ts";
import { onnxModel, onnxNode, tensorInfo } from "../onnx/build.ts";
import { encodeOnnx } from "../onnx/encode.ts";
import { classify } from "./classification.ts";

const scores = encodeOnnx(
  onnxModel({
    name: "scores",
    nodes: [onnxNode("Softmax", ["x"], ["p"])],
    inputs: [tensorInfo("x", "float32", ["n", 3])],
    outputs: [tensorInfo("p", "float32", ["n", 3])],
  }),
);
const flat = encodeOnnx(
  onnxModel({
    name: "flat",
    nodes: [onnxNode("Neg", ["values"], ["negative"])],
    inputs: [tensorInfo("values", "float32", ["length"])],
    outputs: [tensorInfo("negative", "float32", ["length"])],
  }),
);

let server: InferenceServer;
let handler: (request: Request) => Promise<Response>;
const stored: Record<string, Uint8Array> = { kept: scale(2), broken: Uint8Array.of(1) };
const source: ModelSource = {
  list: async () =>
    Object.keys(stored).map((name) => ({ name, settingsStamp: "", versions: [{ version: "1", stamp: "1" }] })),
  read: async (name) => stored[name] as Uint8Array,
  settings: async () => undefined,
};

beforeAll(async () => {
  server = createInferenceServer();
  await server.load("scores", {
    onnx: scores,
    labels: { p: ["red", "green"] },
    responseCache: { maxBytes: 10_000 },
    batching: { preferredBatchRows: [4], maxDelayMs: 0.5 },
  });
  await server.load("flat", { onnx: flat, batchable: false });
  handler = server.handler({ repository: openModelRepository(server, source) });
});
afterAll(() => server[Symbol.asyncDispose]());

const post = (path: string, template: string, body: unknown = {}) =>
  askChecked(handler, path, template, { method: "POST", body: JSON.stringify(body) });
const get = async (path: string, template: string): Promise<unknown> =>
  JSON.parse((await askChecked(handler, path, template)).text);
const x = { name: "x", datatype: "FP32", shape: [1, 3], data: [0, 2, 1] };

describe("Triton's extensions", () => {
  test("classification gives the greatest values with index and label", async () => {
    const outputs = [{ name: "p", parameters: { classification: 2 } }];
    const two = { ...x, shape: [2, 3], data: [0, 2, 1, 3, 2, 1] };
    const { text } = await post("/v2/models/scores/infer", "/v2/models/{model}/infer", { inputs: [two], outputs });
    expect(JSON.parse(text)).toMatchObject({
      outputs: [
        {
          name: "p",
          datatype: "BYTES",
          shape: [2, 2],
          data: ["0.665241:1:green", "0.244728:2", "0.665241:0:red", "0.244728:1:green"],
        },
      ],
    });
    const long = { type: "uint64", shape: [2], data: BigUint64Array.of(2n ** 60n, 2n ** 60n + 1n) } as const;
    expect(classify(long, 1, [], false).data).toEqual(["1152921504606846977:1"]);
    // 0.5, -2, NaN, 65504 and the smallest above zero.
    const halves = {
      type: "float16",
      shape: [5],
      data: Uint16Array.of(0x3800, 0xc000, 0x7e00, 0x7bff, 0x0001),
    } as const;
    expect(classify(halves, 9, [], false).data).toEqual([
      "65504.000000:3",
      "0.500000:0",
      "0.000000:4",
      "-2.000000:1",
      "NaN:2",
    ]);
    const whole = { type: "int64", shape: [3], data: BigInt64Array.of(5n, 7n, 7n) } as const;
    expect(classify(whole, 9, [], false)).toMatchObject({
      shape: [3],
      data: ["7:1", "7:2", "5:0"],
    });
  });

  test("statistics count what was run, by version and by batch size, and what the cache answered", async () => {
    const ask = (data: number[]) =>
      post("/v2/models/scores/infer", "/v2/models/{model}/infer", { inputs: [{ ...x, data }] });
    for (const data of [
      [7, 7, 7],
      [7, 7, 7],
      [8, 8, 8],
    ])
      await ask(data);
    const { model_stats: all } = (await get("/v2/models/stats", "/v2/models/stats")) as {
      model_stats: { name: string }[];
    };
    expect(all.map(({ name }) => name)).toEqual(["scores", "flat"]);
    const one = await get("/v2/models/scores/versions/1/stats", "/v2/models/{model}/versions/{version}/stats");
    expect(one).toMatchObject({
      model_stats: [
        {
          name: "scores",
          version: "1",
          inference_stats: { cache_hit: { count: 1 }, fail: { count: 0 } },
          batch_stats: [{ batch_size: 1 }, { batch_size: 2 }],
        },
      ],
    });
    expect((await askChecked(handler, "/v2/models/absent/stats", "/v2/models/{model}/stats")).status).toBe(404);
  });

  test("the configuration tells of batching, instances and types", async () => {
    expect(await get("/v2/models/scores/config", "/v2/models/{model}/config")).toMatchObject({
      platform: "onnxruntime_onnx",
      max_batch_size: 256,
      input: [{ name: "x", data_type: "TYPE_FP32", dims: [3] }],
      dynamic_batching: { preferred_batch_size: [4], max_queue_delay_microseconds: 500 },
      response_cache: { enable: true },
    });
    expect(await get("/v2/models/flat/config", "/v2/models/{model}/config")).toMatchObject({
      max_batch_size: 0,
      input: [{ dims: [-1] }],
    });
  });

  test("generate takes inputs as plain values and gives outputs so, at once or as an event", async () => {
    const template = "/v2/models/{model}/generate";
    const { text } = await post("/v2/models/flat/generate", template, { values: [1, 2.5], temperature: 0 });
    expect(JSON.parse(text)).toEqual({ model_name: "flat", model_version: "1", negative: [-1, -2.5] });
    expect(JSON.parse((await post("/v2/models/flat/generate", template, { values: 3 })).text)).toMatchObject({
      negative: -3,
    });
    expect(JSON.parse((await post("/v2/models/scores/generate", template, { x: [0, 0, 0] })).text)).toHaveProperty("p");
    const stream = await post("/v2/models/flat/generate_stream", "/v2/models/{model}/generate_stream", { values: [4] });
    expect(stream.text).toBe('data: {"model_name":"flat","model_version":"1","negative":-4}\n\n');
    for (const bad of [{}, [], { values: ["a"] }, { values: [[[[1]]], "x"] }]) {
      expect((await post("/v2/models/flat/generate", template, bad)).status).toBe(400);
    }
    expect((await post("/v2/models/scores/generate", template, { x: [0, 0] })).status).toBe(400);
  });

  test("the repository is listed, loaded and unloaded by clients that are let to", async () => {
    const index = async (ready: boolean) =>
      JSON.parse((await post("/v2/repository/index", "/v2/repository/index", { ready })).text) as {
        name: string;
        state: string;
      }[];
    expect((await index(false)).map(({ name, state }) => [name, state])).toEqual([
      ["kept", "UNAVAILABLE"],
      ["broken", "UNAVAILABLE"],
    ]);
    const change = (name: string, action: string, parameters = {}) =>
      post(`/v2/repository/models/${name}/${action}`, `/v2/repository/models/{model}/${action}`, { parameters });
    expect((await change("kept", "load", { config: '{"batching":{"maxBatchRows":7}}' })).status).toBe(200);
    expect(await index(true)).toMatchObject([{ name: "kept", state: "READY" }]);
    expect(await get("/v2/models/kept/config", "/v2/models/{model}/config")).toMatchObject({ max_batch_size: 7 });
    expect((await change("kept", "load", { config: '{"batching":{"maxBatchRows":0}}' })).status).toBe(400);
    expect((await change("broken", "load")).status).toBe(400);
    expect((await change("absent", "load")).status).toBe(404);
    expect((await change("kept", "load", { "file:1/model.onnx": "AAAA" })).status).toBe(501);
    expect((await change("kept", "unload", { unload_dependents: true })).status).toBe(200);
    expect((await change("kept", "unload")).status).toBe(404);
    expect((await change("k%65pt", "load")).status).toBe(200);
    expect((await change("%", "load")).status).toBe(400);
    const closed = server.handler();
    const refused = await askChecked(closed, "/v2/repository/models/kept/load", "/v2/repository/models/{model}/load", {
      method: "POST",
    });
    expect(refused.status).toBe(501);
  });

  test("priority, timeout and sequence parameters reach the queue", async () => {
    const ask = (parameters: unknown) =>
      post("/v2/models/scores/infer", "/v2/models/{model}/infer", {
        inputs: [{ ...x, data: [0, 0, Math.random()] }],
        parameters,
      });
    expect((await ask({ priority: 1, timeout: 5_000_000 })).status).toBe(200);
    expect((await ask({ priority: -1 })).status).toBe(400);
    expect((await ask({ sequence_id: {} })).status).toBe(400);
    expect((await ask({ sequence_id: 7, sequence_start: true })).status).toBe(200);
  });

  test("metrics have the names and meanings of Triton's", async () => {
    const text = await (await handler(new Request("http://localhost/metrics"))).text();
    expect(text).toMatch(/^# TYPE nv_inference_request_success counter$/m);
    expect(text).toMatch(/^nv_inference_count\{model="scores",version="1"\} \d+$/m);
    expect(text).toMatch(/^nv_cache_num_hits_per_model\{model="scores",version="1"\} 1$/m);
    expect(text).toMatch(/^ashlar_model_ready\{model="flat",version="1"\} 1$/m);
    const values = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    for (const line of values) expect(line).toMatch(/^[a-z_]+\{[^{}]+\} \d+(\.\d+)?$/);
  });
});
