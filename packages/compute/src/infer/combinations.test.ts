import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { floatTensor, onnxModel, onnxNode, tensorInfo } from "../onnx/build.ts";
import { encodeOnnx } from "../onnx/encode.ts";
import { createInferenceServer, type InferenceServer, type LoadOptions, type Route, type TensorData } from "./index.ts";
import type { Outputs } from "./pending-request.ts";

/** `y = 2 x + w`, row by row. */
const model = (width: number): Uint8Array =>
  encodeOnnx(
    onnxModel({
      name: "combined",
      nodes: [onnxNode("Mul", ["x", "two"], ["doubled"]), onnxNode("Add", ["doubled", "w"], ["y"])],
      initializers: [floatTensor("two", [1], [2])],
      inputs: [tensorInfo("x", "float32", ["rows", width]), tensorInfo("w", "float32", ["rows", width])],
      outputs: [tensorInfo("y", "float32", ["rows", width])],
    }),
  );

/** Two models that follow one another, beside one that takes the same tensors. */
const ensemble = {
  inputs: ["x", "w"],
  outputs: ["y", "z", "v"],
  steps: [
    { model: "m", inputs: { x: "x", w: "w" }, outputs: { y: "y" } },
    { model: "n", inputs: { x: "y", w: "w" }, outputs: { y: "z" } },
    { model: "n", inputs: { x: "x", w: "w" }, outputs: { y: "v" } },
  ],
};

const plan = fc.record({
  // Small batches go through a mailbox, those of megabytes are transferred.
  width: fc.constantFrom(3, 1000, 30_000),
  execution: fc.constantFrom("inline", "worker", "process"),
  instances: fc.integer({ min: 1, max: 2 }),
  cached: fc.boolean(),
  limits: fc.constantFrom(
    {},
    { hedgeAfterMs: 0.5 },
    { runTimeoutMs: 60_000 },
    { hedgeAfterMs: 1, runTimeoutMs: 60_000 },
  ),
  maxDelayMs: fc.constantFrom(0, 1),
  route: fc.constantFrom<Route | null>(null, { split: { "1": 1, "2": 2 } }, { shadow: { version: "2", share: 0.7 } }),
});
const request = fc.record({
  name: fc.constantFrom("m", "m", "e"),
  rows: fc.integer({ min: 1, max: 4 }),
  // Few values, so that the cache answers too.
  value: fc.nat(40),
  way: fc.constantFrom("infer", "transfer", "protocol"),
  priority: fc.integer({ min: 1, max: 9 }),
  deadlineMs: fc.option(fc.constantFrom(0, 1, 5)),
  abortAfterMs: fc.option(fc.constantFrom(0, 1, 3), { freq: 4 }),
});
type Request = typeof request extends fc.Arbitrary<infer Value> ? Value : never;

const given = ({ rows, value }: Request, width: number, factor: number): Float32Array<ArrayBuffer> =>
  Float32Array.from({ length: rows * width }, (_, index) => value * factor + (index % 1000));

async function overProtocol(server: InferenceServer, asked: Request, width: number): Promise<Outputs> {
  const parts = [given(asked, width, 1), given(asked, width, 7)];
  const tensor = (name: string, { byteLength }: Float32Array): unknown => ({
    name,
    datatype: "FP32",
    shape: [asked.rows, width],
    parameters: { binary_data_size: byteLength },
  });
  const [x, w] = parts as [Float32Array<ArrayBuffer>, Float32Array<ArrayBuffer>];
  const parameters = { binary_data_output: true, priority: asked.priority };
  const json = JSON.stringify({ parameters, inputs: [tensor("x", x), tensor("w", w)] });
  const answer = await server.handler()(
    new Request(`http://localhost/v2/models/${asked.name}/infer`, {
      method: "POST",
      body: new Blob([json, x, w]),
      headers: { "inference-header-content-length": String(json.length) },
    }),
  );
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const head = Number(answer.headers.get("inference-header-content-length"));
  const { outputs } = JSON.parse(new TextDecoder().decode(bytes.subarray(0, head))) as {
    outputs: readonly { name: string; shape: number[]; parameters: { binary_data_size: number } }[];
  };
  let end = head;
  const entries = outputs.map(({ name, shape, parameters: { binary_data_size: size } }) => {
    end += size;
    return [name, { type: "float32", shape, data: new Float32Array(bytes.slice(end - size, end).buffer) }] as const;
  });
  return Object.fromEntries(entries);
}

async function inProcess(server: InferenceServer, asked: Request, width: number): Promise<Outputs | null> {
  const { rows, priority, deadlineMs, abortAfterMs } = asked;
  const [x, w] = [given(asked, width, 1), given(asked, width, 7)];
  const abort = new AbortController();
  if (abortAfterMs !== null) setTimeout(() => abort.abort(new Error("not needed")), abortAfterMs);
  const inputs = { x: { data: x, shape: [rows, width] }, w: { data: w, shape: [rows, width] } };
  const options = { priority, signal: abort.signal, transfer: asked.way === "transfer" };
  const answer = server.infer(asked.name, inputs, deadlineMs === null ? options : { ...options, deadlineMs });
  const outputs = await answer.catch((error: Error & { readonly code?: string }) => {
    if (error.code !== "INFERENCE_DEADLINE_EXCEEDED" && error.message !== "not needed") throw error;
    return null;
  });
  const kept = asked.way === "transfer" || (equal(x, given(asked, width, 1)) && equal(w, given(asked, width, 7)));
  expect(kept).toBe(true);
  return outputs;
}

/** By bytes: `toEqual` takes its time with so many numbers. */
function equal(a: TensorData | undefined, b: Float32Array): boolean {
  if (!(a instanceof Float32Array)) return false;
  const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array) => Buffer.from(buffer, byteOffset, byteLength);
  return bytesOf(a).equals(bytesOf(b));
}

/** The outputs that are not what they should be. */
function wrong(asked: Request, width: number, outputs: Outputs): string[] {
  const [x, w] = [given(asked, width, 1), given(asked, width, 7)];
  const y = x.map((value, index) => 2 * value + (w[index] ?? 0));
  const z = y.map((value, index) => 2 * value + (w[index] ?? 0));
  const expected = Object.entries(asked.name === "m" ? { y } : { y, z, v: y });
  return expected.filter(([name, data]) => !equal(outputs[name]?.data, data)).map(([name]) => name);
}

describe("every answer is that of its own request", () => {
  test.each(fc.sample(plan, 4))("%j", async ({ width, execution, instances, cached, limits, maxDelayMs, route }) => {
    await using server = createInferenceServer();
    const onnx = model(width);
    const cache = cached ? { responseCache: { maxBytes: 4_000_000 } } : {};
    const batching = { maxBatchRows: 16, maxDelayMs, queueLimit: 10_000 };
    const options: LoadOptions = { onnx, execution, instances, batching, ...limits, ...cache };
    await Promise.all([server.load("m", options), server.load("n", options)]);
    await server.load("e", { ensemble });
    await server.add("m", { ...options, version: "2" });
    if (route !== null) server.route("m", route);

    const requests = fc.sample(request, width > 10_000 ? 60 : 240);
    const client = async (mine: readonly Request[]): Promise<void> => {
      for (const asked of mine) {
        const ask = asked.way === "protocol" ? overProtocol : inProcess;
        const outputs = await ask(server, asked, width);
        if (outputs === null) continue;
        expect([asked, wrong(asked, width, outputs)]).toEqual([asked, []]);
        // The answer is the caller's to change.
        for (const { data } of Object.values(outputs)) (data as Float32Array).fill(-1);
      }
    };
    const clients = Array.from({ length: 8 }, (_, index) => client(requests.filter((__, at) => at % 8 === index)));
    const swap = server.swap("m", { ...options, version: "3" });
    await Promise.all([...clients, swap]);
    // Copies for a shadow may still be under way.
    await expect.poll(() => server.statistics()["m"]?.queued, { timeout: 20_000 }).toBe(0);
    const { requests: answered, rows, queueMicros } = server.statistics()["m"] ?? {};
    expect(rows).toBeGreaterThanOrEqual(answered ?? 0);
    expect(queueMicros).toBeGreaterThanOrEqual(0);
  });
});
