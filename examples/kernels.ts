// Nearest embeddings, and a network of one layer as one fused kernel, on whatever this machine is fastest with.
import { createKernelRuntime, fuse, kernel, type Matrix } from "@ashlar/compute/kernels";

await using runtime = await createKernelRuntime({ measureMs: 500 });

const matrix = (rows: number, columns: number): Matrix => ({
  data: Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(i * 0.7)),
  rows,
  columns,
});

const items = matrix(20_000, 64);
const queries = { data: items.data.slice(0, 2 * 64), rows: 2, columns: 64 };
const { indices, scores } = await runtime.run(kernel.topK({ k: 3, metric: "l2" }), { queries, items });
console.log("nearest items:", indices, "at distances:", scores);

const classify = fuse("classify", ["rows", "mean", "deviation", "weights"], (on, input) =>
  on.softmax(on.matmul(on.standardise(input.rows, input.mean, input.deviation), input.weights)),
);
const rows = matrix(4, 64);
const mean = await runtime.run(kernel.mean({ axis: 0 }), { values: items });
const deviation = matrix(1, 64).data.fill(0.7);
const shares = await runtime.run(classify, { rows, mean, deviation, weights: matrix(64, 3) });
console.log("shares of three classes:", shares.data);

const trees = await runtime.run(kernel.histogram({ bins: 4 }), {
  columns: [Uint8Array.of(0, 1, 3, 3), Uint8Array.of(2, 2, 0, 1)],
  gradients: Float32Array.of(0.5, -0.5, 0.25, 0.25),
  hessians: Float32Array.of(0.25, 0.25, 0.2, 0.2),
});
console.log("gradients of each bin of two columns:", trees.gradients);

console.log(runtime.explain().text);
