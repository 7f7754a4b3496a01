import { gzipSync } from "node:zlib";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { createInferenceServer, type InferenceServer } from "../infer/index.ts";
import { onnxModel, onnxNode, tensorInfo } from "../onnx/build.ts";
import { encodeOnnx } from "../onnx/encode.ts";
import { BufferPool } from "../infer/buffer-pool.ts";
import { readBinaryData, writeBinaryData } from "./binary-data.ts";
import { BodyTimeouts } from "./body-timeouts.ts";
import { datatypeNames, elementTypeOf } from "./datatypes.ts";
import { fromFetch } from "./fetch-request.ts";
import { readJsonData, writeJsonData } from "./json-data.ts";
import { askChecked } from "../../test/ask-checked.ts";

const identity = encodeOnnx(
  onnxModel({
    name: "identity",
    nodes: [onnxNode("Identity", ["x"], ["y"]), onnxNode("Identity", ["count"], ["same"])],
    inputs: [tensorInfo("x", "float32", ["n", 2]), tensorInfo("count", "int64", ["n"])],
    outputs: [tensorInfo("y", "float32", ["n", 2]), tensorInfo("same", "int64", ["n"])],
  }),
);

let server: InferenceServer;
let handler: (request: Request) => Promise<Response>;
beforeAll(async () => {
  server = createInferenceServer();
  await server.load("m", { onnx: identity, version: "3" });
  handler = server.handler({ maxBodyBytes: 4096 });
});
afterAll(() => server[Symbol.asyncDispose]());

const ask = (path: string, template: string, init?: RequestInit) => askChecked(handler, path, template, init);
const readBody = (request: Request, maxBodyBytes: number, bodyTimeoutMs = 1000) =>
  fromFetch(request, { maxBodyBytes, timeouts: new BodyTimeouts(bodyTimeoutMs), buffers: new BufferPool() }).body();
const inferPath = "/v2/models/{model}/infer";
const infer = (body: BodyInit, headers: Record<string, string> = {}) =>
  ask("/v2/models/m/infer", inferPath, { method: "POST", body, headers });
const x = { name: "x", datatype: "FP32", shape: [1, 2], data: [0.5, -2] };
const count = { name: "count", datatype: "INT64", shape: [1], data: [1] };

describe("Open Inference Protocol v2", () => {
  test("metadata, health and readiness are as the document says", async () => {
    expect((await ask("/v2", "/v2")).text).toContain("binary_tensor_data");
    expect((await ask("/v2/health/live", "/v2/health/live")).status).toBe(200);
    expect((await ask("/v2/health/ready", "/v2/health/ready")).status).toBe(200);
    expect(JSON.parse((await ask("/v2/models/m", "/v2/models/{model}")).text)).toMatchObject({
      versions: ["3"],
      platform: "onnx_onnxv1",
      inputs: [
        { name: "x", datatype: "FP32", shape: [-1, 2] },
        { name: "count", datatype: "INT64", shape: [-1] },
      ],
    });
    const versioned = "/v2/models/{model}/versions/{version}";
    expect((await ask("/v2/models/m/versions/3", versioned)).status).toBe(200);
    expect((await ask("/v2/models/m/versions/4", versioned)).status).toBe(404);
    expect((await ask("/v2/models/m/versions/3/ready", `${versioned}/ready`)).status).toBe(200);
    expect((await ask("/v2/models/n/ready", "/v2/models/{model}/ready")).status).toBe(404);
    const lost = await handler(new Request("http://localhost/v2/nothing"));
    expect([lost.status, Object.keys((await lost.json()) as object)]).toEqual([404, ["error"]]);
  });

  test("integers beyond 2^53 come back digit for digit, flat or nested, with the id", async () => {
    const big = "9223372036854775807";
    const body = `{"id":"a","inputs":[{"name":"x","datatype":"FP32","shape":[2,2],"data":[[1,2],[3,4]]},
      {"name":"count","datatype":"INT64","shape":[2],"data":[${big},-9007199254740993]}]}`;
    const { text } = await infer(body);
    expect(JSON.parse(text)).toMatchObject({ id: "a", model_name: "m", model_version: "3" });
    expect(text).toContain(`"data":[1,2,3,4]`);
    expect(text).toContain(`"data":[${big},-9007199254740993]`);
  });

  test("only the outputs asked for are answered", async () => {
    const { text } = await infer(JSON.stringify({ inputs: [x, count], outputs: [{ name: "same" }] }));
    expect((JSON.parse(text) as { outputs: unknown[] }).outputs).toEqual([
      { name: "same", shape: [1], datatype: "INT64", data: [1] },
    ]);
  });

  test("binary tensors may stand beside JSON ones, both ways, and the body may be compressed", async () => {
    const { data: _, ...bare } = x;
    const json = JSON.stringify({
      inputs: [{ ...bare, parameters: { binary_data_size: 8 } }, count],
      outputs: [{ name: "y", parameters: { binary_data: true } }, { name: "same" }],
    });
    const body = Buffer.concat([Buffer.from(json), Buffer.from(Float32Array.of(0.5, -2).buffer)]);
    const headers = { "inference-header-content-length": String(Buffer.byteLength(json)) };
    for (const sent of [
      { body, headers },
      { body: gzipSync(body), headers: { ...headers, "content-encoding": "gzip" } },
      { body: gzipSync(body), headers: { ...headers, "content-encoding": "x-gzip" } },
    ]) {
      const { response } = await infer(new Uint8Array(sent.body), sent.headers);
      const length = Number(response.headers.get("inference-header-content-length"));
      const bytes = Buffer.from(await response.arrayBuffer());
      expect(JSON.parse(bytes.subarray(0, length).toString())).toMatchObject({
        outputs: [
          { name: "y", parameters: { binary_data_size: 8 } },
          { name: "same", data: [1] },
        ],
      });
      expect([bytes.readFloatLE(length), bytes.readFloatLE(length + 4)]).toEqual([0.5, -2]);
    }
  });

  test.each([
    ["not JSON", "{", 400],
    ["not an object", "[]", 400],
    ["no inputs", "{}", 400],
    ["a missing input", JSON.stringify({ inputs: [x] }), 400],
    ["an unknown input", JSON.stringify({ inputs: [{ ...x, name: "__proto__" }] }), 400],
    ["an input twice", JSON.stringify({ inputs: [x, x, count] }), 400],
    ["a wrong datatype", JSON.stringify({ inputs: [{ ...x, datatype: "FP64" }, count] }), 400],
    ["a wrong shape", JSON.stringify({ inputs: [{ ...x, shape: [1, 3] }, count] }), 400],
    ["a negative shape", JSON.stringify({ inputs: [{ ...x, shape: [-1, -2] }, count] }), 400],
    ["uneven data", JSON.stringify({ inputs: [{ ...x, data: [[1], 2] }, count] }), 400],
    ["text among numbers", JSON.stringify({ inputs: [{ ...x, data: [1, "2"] }, count] }), 400],
    [
      "an integer out of range",
      `{"inputs":[${JSON.stringify(x)},{"name":"count","datatype":"INT64","shape":[1],"data":[9223372036854775808]}]}`,
      400,
    ],
    ["an unknown output", JSON.stringify({ inputs: [x, count], outputs: [{ name: "z" }] }), 400],
    [
      "binary data that is not there",
      JSON.stringify({ inputs: [{ ...x, data: undefined, parameters: { binary_data_size: 8 } }, count] }),
      400,
    ],
    ["shared memory", JSON.stringify({ inputs: [{ ...x, parameters: { shared_memory_region: "r" } }, count] }), 501],
    ["a body too large", " ".repeat(5000), 413],
    ["a bomb", gzipSync(Buffer.alloc(1_000_000)), 413],
  ])("%s is refused with an error body", async (what, body, status) => {
    const headers: Record<string, string> = what === "a bomb" ? { "content-encoding": "gzip" } : {};
    const answer = await infer(typeof body === "string" ? body : new Uint8Array(body), headers);
    expect(answer.status).toBe(status);
    expect(Object.keys(JSON.parse(answer.text) as object)).toEqual(["error"]);
  });

  test("parameters are checked", async () => {
    const body = JSON.stringify({ inputs: [x, count], parameters: { timeout: 0.5 } });
    expect((await infer(body)).status).toBe(400);
  });

  test("what reads and writes bodies throws coded errors", async () => {
    const post = (body: BodyInit, headers: Record<string, string> = {}): Request =>
      new Request("http://localhost/", { method: "POST", body, headers });
    const torn = new ReadableStream({ start: (controller) => controller.error(new Error("reset")) });
    const cut = new Request("http://localhost/", { method: "POST", body: torn, duplex: "half" } as RequestInit);
    await expect(readBody(cut, 10)).rejects.toMatchObject({ code: "PROTOCOL_REQUEST_INVALID", status: 400 });
    const notGzip = post("not gzip", { "content-encoding": "gzip" });
    await expect(readBody(notGzip, 10)).rejects.toMatchObject({ code: "PROTOCOL_REQUEST_INVALID" });
    await expect(readBody(post("x".repeat(11)), 10)).rejects.toMatchObject({
      code: "PROTOCOL_BODY_TOO_LARGE",
      details: { limit: 10 },
    });
    const silent = new Request("http://localhost/", {
      method: "POST",
      body: new ReadableStream(),
      duplex: "half",
    } as RequestInit);
    await expect(readBody(silent, 10, 5)).rejects.toMatchObject({
      code: "PROTOCOL_BODY_TIMEOUT",
      status: 408,
      retryable: true,
    });
    const brotli = post("x", { "content-encoding": "br" });
    await expect(readBody(brotli, 10)).rejects.toMatchObject({ code: "PROTOCOL_UNSUPPORTED", status: 501 });
  });

  test("FP16 has no JSON form and says so", () => {
    const data = Uint16Array.of(15_360, 0);
    expect(readBinaryData("t", "FP16", [2], writeBinaryData("FP16", data))).toEqual(data);
    expect(() => writeJsonData("t", "FP16", data)).toThrow("binary_data");
    expect(() => readJsonData("t", "FP16", [2], [1, 2])).toThrow("no JSON form");
  });

  test("BF16 is widened exactly, in binary only", () => {
    const bytes = Uint8Array.of(0x80, 0x3f, 0x49, 0xc0, 0x80, 0x7f);
    expect(readBinaryData("t", "BF16", [3], bytes)).toEqual(Float32Array.of(1, -3.140625, Number.POSITIVE_INFINITY));
    expect(() => readBinaryData("t", "BF16", [2], bytes)).toThrow("has 4");
    expect(() => readJsonData("t", "BF16", [2], [1, 2])).toThrow("no JSON form");
  });

  const inJson = datatypeNames.filter((name) => name !== "FP16" && name !== "BF16");
  test.each(inJson)("%s keeps its values through JSON and binary", (datatype) => {
    const samples: Readonly<Record<string, readonly (number | bigint)[]>> = {
      BOOL: [0, 1],
      UINT64: [0n, 2n ** 64n - 1n],
      INT64: [-(2n ** 63n), 2n ** 63n - 1n],
      FP32: [0.5, -3.25],
      FP64: [0.1, -1e300],
    };
    const shape = [2];
    const text = ["", "grüße 🌍"];
    const binaryIn = datatype === "BYTES" ? null : sample(datatype, samples[datatype] ?? [1, 100]);
    const data = binaryIn ?? text;
    expect(readBinaryData("t", datatype, shape, writeBinaryData(datatype, data))).toEqual(data);
    const written = JSON.parse(
      writeJsonData("t", datatype, data),
      (_key, value: unknown, context?: { source?: string }) =>
        typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "")
          ? BigInt(context?.source ?? "")
          : value,
    ) as unknown;
    expect(readJsonData("t", datatype, shape, written)).toEqual(data);
  });

  test("NaN has no JSON form and says so", () => {
    expect(() => writeJsonData("t", "FP32", Float32Array.of(Number.NaN))).toThrow("binary_data");
  });
});

function sample(datatype: (typeof datatypeNames)[number], values: readonly (number | bigint)[]) {
  const type = elementTypeOf(datatype);
  if (type === "int64") return BigInt64Array.from(values as bigint[]);
  if (type === "uint64") return BigUint64Array.from(values as bigint[]);
  const numbers = values as number[];
  const arrays = {
    bool: Uint8Array,
    uint8: Uint8Array,
    uint16: Uint16Array,
    uint32: Uint32Array,
    int8: Int8Array,
    int16: Int16Array,
    int32: Int32Array,
    float16: Uint16Array,
    float32: Float32Array,
    float64: Float64Array,
    string: Uint8Array,
  };
  return arrays[type].from(numbers);
}
