import { encodeOnnx, floatTensor, onnxModel, onnxNode, tensorInfo } from "@ashlar/compute";
import { createInferenceServer } from "@ashlar/compute/inference";
import * as ort from "onnxruntime-node";

/** Rows per second of a small network (30-64-64-1): served, against a bare loop of `session.run` on one thread. */
const weights = (name: string, rows: number, columns: number) =>
  floatTensor(
    name,
    [rows, columns],
    Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(i)),
  );
const onnx = encodeOnnx(
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
const row = new Float32Array(30).fill(0.5);
const body = JSON.stringify({ inputs: [{ name: "x", datatype: "FP32", shape: [1, 30], data: [...row] }] });

async function rowsPerSecond(clients: number, run: () => Promise<unknown>): Promise<number> {
  let rows = 0;
  const start = performance.now();
  const client = async (): Promise<void> => {
    for (; performance.now() - start < 1000; rows++) await run();
  };
  await Promise.all(Array.from({ length: clients }, client));
  return (rows * 1000) / (performance.now() - start);
}

await using server = createInferenceServer();
await server.load("network", { onnx });
const handler = server.handler();
const session = await ort.InferenceSession.create(onnx, { intraOpNumThreads: 1 });
const bare = () => session.run({ x: new ort.Tensor("float32", row, [1, 30]) });
const inProcess = () => server.infer("network", row);
const overHandler = async () => {
  const request = new Request("http://localhost/v2/models/network/infer", { method: "POST", body });
  await (await handler(request)).text();
};
const ways = { bare, inProcess, overHandler };
const median = (values: number[]): number => values.sort((a, b) => a - b)[1] ?? Number.NaN;

for (const clients of [1, 64]) {
  const rates: Record<string, number[]> = { bare: [], inProcess: [], overHandler: [] };
  for (let round = 0; round < 3; round++) {
    for (const [name, run] of Object.entries(ways)) {
      rates[name]?.push(await rowsPerSecond(name === "bare" ? 1 : clients, run));
    }
  }
  const base = median(rates["bare"] ?? []);
  for (const [name, values] of Object.entries(rates)) {
    const rate = median(values);
    console.log(`${clients} clients, ${name}: ${Math.round(rate)} rows/s, ${(rate / base).toFixed(2)} of bare`);
  }
}
