import { expect, test } from "vitest";

import { identityOf } from "../../test/onnx-models.ts";
import { createInferenceServer, type TensorData } from "./index.ts";

const samples: Readonly<Record<string, readonly [code: number, data: TensorData]>> = {
  float16: [10, Uint16Array.of(0x3800, 0xfbff)],
  float32: [1, Float32Array.of(Number.NaN, -0)],
  float64: [11, Float64Array.of(0.1, Number.NEGATIVE_INFINITY)],
  int8: [3, Int8Array.of(-128, 127)],
  int16: [5, Int16Array.of(-32_768, 32_767)],
  int32: [6, Int32Array.of(-(2 ** 31), 2 ** 31 - 1)],
  int64: [7, BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n)],
  uint8: [2, Uint8Array.of(0, 255)],
  uint16: [4, Uint16Array.of(0, 65_535)],
  uint32: [12, Uint32Array.of(0, 2 ** 32 - 1)],
  uint64: [13, BigUint64Array.of(0n, 2n ** 64n - 1n)],
  bool: [9, Uint8Array.of(0, 1)],
  string: [8, ["", "grüße"]],
};

test.each([
  ["inline", Object.keys(samples)],
  ["worker", ["float16", "int64", "string"]],
  ["process", ["float16", "int64", "string"]],
] as const)("elements go through a session and back: %s, %s", async (execution, names) => {
  await using server = createInferenceServer({ execution });
  for (const name of names) {
    const [code, data] = samples[name] as (typeof samples)[string];
    await server.load(name, { onnx: identityOf(code) });
    const answers = await Promise.all([1, 2].map(() => server.infer(name, { x: { data, shape: [1, 2] } })));
    for (const { y } of answers) expect(y).toEqual({ type: name, shape: [1, 2], data });
  }
});

test("a text that the runtime would cut off is refused", async () => {
  await using server = createInferenceServer();
  await server.load("text", { onnx: identityOf(8) });
  const ask = (text: string) => server.infer("text", { x: { data: ["whole", text], shape: [1, 2] } });
  await expect(ask("safe\0unsafe")).rejects.toMatchObject({ code: "INFERENCE_INPUT_INVALID" });
  expect((await ask("safe"))["y"]?.data).toEqual(["whole", "safe"]);
});
