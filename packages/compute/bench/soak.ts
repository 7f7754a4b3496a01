// A day of requests in a minute: 1 M of them, and 100 swaps on the way. Prints memory and latency at the start, which is
// after 50,000 requests and some swaps, and on the way, of as many requests each. V8 lets the space for young objects of
// any program grow to three times 16 MB in the course of a million requests, whatever they leave behind; beside it stands
// all other memory. What a session has freed stays with the allocator of the C library, so that rises with the first
// swaps and then levels out.
// node --expose-gc --conditions=@ashlar/source packages/compute/bench/soak.ts [requests] [swaps] [swaps before]
import { getHeapSpaceStatistics } from "node:v8";
import { encodeOnnx, floatTensor, onnxModel, onnxNode, tensorInfo } from "@ashlar/compute";
import { createInferenceServer, Histogram, type InferenceServer } from "@ashlar/compute/inference";

const requests = Number(process.argv[2] ?? "1000000");
const swaps = Number(process.argv[3] ?? "100");
const swapsBefore = Number(process.argv[4] ?? "20");
const sample = 50_000;
const rounds = 20;
const clients = 64;

function model(factor: number): Uint8Array {
  return encodeOnnx(
    onnxModel({
      name: "scale",
      nodes: [onnxNode("Mul", ["x", "factor"], ["y"])],
      initializers: [floatTensor("factor", [1], [factor])],
      inputs: [tensorInfo("x", "float32", ["rows", 30])],
      outputs: [tensorInfo("y", "float32", ["rows", 30])],
    }),
  );
}

/** Asks `count` times; gives the latencies in microseconds, and how many requests failed. */
async function ask(server: InferenceServer, count: number): Promise<{ latency: Histogram; failed: number }> {
  const latency = new Histogram();
  const row = new Float32Array(30).fill(1);
  let left = count;
  let failed = 0;
  const client = async (): Promise<void> => {
    while (left-- > 0) {
      const start = performance.now();
      await server.infer("scale", row).catch(() => failed++);
      latency.record((performance.now() - start) * 1000);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return { latency, failed };
}

async function measure(server: InferenceServer, when: string): Promise<void> {
  const { latency } = await ask(server, sample);
  for (let turn = 0; turn < 5; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    globalThis.gc?.();
  }
  const { heapUsed, rss, external } = process.memoryUsage();
  const young = getHeapSpaceStatistics().find((space) => space.space_name === "new_space")?.physical_space_size ?? 0;
  const megabytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
  console.log(
    `${when}: heap ${megabytes(heapUsed)} MB, external ${megabytes(external)} MB, resident ${megabytes(rss)} MB:`,
    `${megabytes(young)} MB for young objects and ${megabytes(rss - young)} MB beside,`,
    `p50 ${latency.quantile(0.5)} us, p99 ${latency.quantile(0.99)} us`,
  );
}

await using server = createInferenceServer();
await server.load("scale", { onnx: model(1) });
for (let swap = 1; swap <= swapsBefore; swap++) await server.swap("scale", { onnx: model(swap) });
await ask(server, sample);
await measure(server, "at the start");
let failed = 0;
for (let half = 1; half <= 2; half++) {
  const swapping = (async () => {
    for (let swap = 1; swap <= swaps / 2; swap++) await server.swap("scale", { onnx: model(swap) });
  })();
  for (let round = 0; round < rounds / 2; round++) failed += (await ask(server, requests / rounds)).failed;
  await swapping;
  await measure(server, half === 1 ? "half way" : "at the end");
}
console.log(`${requests} requests, ${swaps} swaps, ${failed} failed`);
