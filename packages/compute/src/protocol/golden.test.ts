import { readFile } from "node:fs/promises";

import { afterAll, beforeAll, expect, test } from "vitest";

import { identityOf } from "../../test/onnx-models.ts";
import { createInferenceServer, type InferenceServer } from "../infer/index.ts";
import { onnxModel, onnxNode, tensorInfo } from "../onnx/build.ts";
import { encodeOnnx } from "../onnx/encode.ts";

interface GoldenRequest {
  readonly title: string;
  readonly model: string;
  /** `Inference-Header-Content-Length` of the request, null when it is all JSON. */
  readonly jsonLength: number | null;
  /** Hexadecimal: the body as tritonclient 2.73 makes it. */
  readonly request: string;
  /** Hexadecimal: the body of the answer, which tritonclient reads. */
  readonly response: string;
}

const file = new URL("../../test/golden-requests.json", import.meta.url);
const golden = JSON.parse(await readFile(file, "utf8")) as readonly GoldenRequest[];

let server: InferenceServer;
beforeAll(async () => {
  server = createInferenceServer({ execution: "inline" });
  const mixed = onnxModel({
    name: "mixed",
    nodes: [onnxNode("Identity", ["x"], ["y"]), onnxNode("Identity", ["count"], ["same"])],
    inputs: [tensorInfo("x", "float32", ["n", 2]), tensorInfo("count", "int64", ["n"])],
    outputs: [tensorInfo("y", "float32", ["n", 2]), tensorInfo("same", "int64", ["n"])],
  });
  await server.load("mixed", { onnx: encodeOnnx(mixed) });
  for (const [name, code] of Object.entries({ string: 8, float16: 10, float32: 1, bool: 9 })) {
    await server.load(name, { onnx: identityOf(code) });
  }
});
afterAll(() => server[Symbol.asyncDispose]());

test.each(golden)("$title: the bytes of another client, answered byte for byte", async (vector) => {
  const headers: Record<string, string> =
    vector.jsonLength === null ? {} : { "inference-header-content-length": String(vector.jsonLength) };
  const body = new Uint8Array(Buffer.from(vector.request, "hex"));
  const request = new Request(`http://localhost/v2/models/${vector.model}/infer`, { method: "POST", body, headers });
  const answer = await server.handler()(request);
  expect(Buffer.from(await answer.arrayBuffer()).toString("hex")).toBe(vector.response);
  expect(answer.status).toBe(200);
});
