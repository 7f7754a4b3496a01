import { expect, test } from "vitest";
import { BufferPool } from "../infer/buffer-pool.ts";
import { Codec } from "./codec.ts";

const spec = { name: "x", type: "float32", shape: [null] } as const;
const signature = { inputs: [spec], outputs: [spec], batchable: true };
const body = (): Uint8Array =>
  Buffer.from(JSON.stringify({ inputs: [{ name: "x", datatype: "FP32", shape: [2], data: [1, 2] }] }));

test("what goes to the thread is bounded in bytes, both ways, and there is room again afterwards", async () => {
  const codec = new Codec({ offloadBytes: 1, offloadMaxBytes: 100 }, new BufferPool());
  const first = codec.read(body(), null, signature);
  const overloaded = expect.objectContaining({ code: "PROTOCOL_OVERLOADED", status: 503, retryable: true }) as Error;
  expect(() => codec.read(body(), null, signature)).toThrow(overloaded);
  const outputs = { x: { type: "float32", shape: [50], data: new Float32Array(50) } } as const;
  const requested = [{ name: "x", binary: false, classes: null }];
  const answer = { model: "m", version: "1", id: null, requested, outputs };
  expect(() => codec.write(answer)).toThrow(overloaded);
  expect((await first).inputs).toEqual([{ name: "x", shape: [2], data: Float32Array.of(1, 2) }]);
  const { body: text } = await codec.write(answer);
  expect(JSON.parse(String(text))).toMatchObject({ outputs: [{ shape: [50] }] });
});
