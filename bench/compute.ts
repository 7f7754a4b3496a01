import { encodeOnnx, floatTensor, onnxModel, onnxNode, tensorInfo } from "@ashlar/compute";
import { createInferenceServer } from "@ashlar/compute/inference";
import * as ort from "onnxruntime-node";
import { type Bench, rate, type Suite } from "./harness.ts";

export const compute: Suite = async (bench) => {
  await served(bench);
};

/** A network of 30-64-64-1, one row to a request, against a bare loop of `session.run` on one thread. */
async function served({ pair }: Bench): Promise<void> {
  const onnx = network();
  const row = new Float32Array(30).fill(0.5);
  const body = JSON.stringify({ inputs: [{ name: "x", datatype: "FP32", shape: [1, 30], data: [...row] }] });
  await using server = createInferenceServer();
  await server.load("network", { onnx });
  const handler = server.handler();
  const session = await ort.InferenceSession.create(onnx, { intraOpNumThreads: 1 });

  const infer = (): Promise<unknown> => server.infer("network", row);
  const overHandler = async (): Promise<void> => {
    const request = new Request("http://localhost/v2/models/network/infer", { method: "POST", body });
    const response = await handler(request);
    if (!response.ok) throw new Error(await response.text());
    await response.text();
  };
  const bare = (): Promise<unknown> => session.run({ x: new ort.Tensor("float32", row, [1, 30]) });
  for (const clients of [1, 64]) {
    for (const [way, call] of [
      ["server.infer", infer],
      ["protocol handler", overHandler],
    ] as const) {
      await pair({
        name: `${way}, ${clients} at once`,
        unit: "rows/s",
        peerName: "bare loop of session.run",
        rounds: 3,
        ours: () => rate(call, { clients }),
        peer: () => rate(bare),
      });
    }
  }
  await session.release();
}

function network(): Uint8Array {
  const weights = (name: string, rows: number, columns: number) =>
    floatTensor(
      name,
      [rows, columns],
      Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(i)),
    );
  return encodeOnnx(
    onnxModel({
      name: "network",
      nodes: [
        onnxNode("MatMul", ["x", "w1"], ["h1"]),
        onnxNode("Relu", ["h1"], ["r1"]),
        onnxNode("MatMul", ["r1", "w2"], ["h2"]),
        onnxNode("Relu", ["h2"], ["r2"]),
        onnxNode("MatMul", ["r2", "w3"], ["y"]),
      ],
      initializers: [weights("w1", 30, 64), weights("w2", 64, 64), weights("w3", 64, 1)],
      inputs: [tensorInfo("x", "float32", ["n", 30])],
      outputs: [tensorInfo("y", "float32", ["n", 1])],
    }),
  );
}
