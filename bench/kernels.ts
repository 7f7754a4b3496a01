import { encodeOnnx, int64Tensor, onnxModel, onnxNode, tensorInfo } from "@ashlar/compute";
import { createKernelRuntime, type Kernel, kernel, type KernelRuntime, type Matrix } from "@ashlar/compute/kernels";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-wasm";
import * as ort from "onnxruntime-node";
import { type Bench, rate, type Suite } from "./harness.ts";

/** What the runtime has chosen, beside each of its backends, bare ONNX Runtime, and TensorFlow.js on WebAssembly. */
export const kernels: Suite = async (bench) => {
  await tf.setBackend("wasm");
  await using runtime = await createKernelRuntime();
  await product(bench, runtime);
  await histogram(bench, runtime);
  await nearest(bench, runtime);
};

interface Work<Inputs, Output> {
  readonly name: string;
  readonly unit: string;
  /** Units of one run. */
  readonly units: number;
  readonly kernel: Kernel<Inputs, Output>;
  readonly inputs: Inputs;
  readonly others: Readonly<Record<string, () => Promise<unknown>>>;
}

async function compare<Inputs, Output>(
  { pair }: Bench,
  runtime: KernelRuntime,
  work: Work<Inputs, Output>,
): Promise<void> {
  const { name, unit, units, inputs, others } = work;
  const measurements = await runtime.measure(work.kernel, inputs);
  // Short turns, many of them: the choice lies close to the best of its backends.
  const rateOf = (run: () => unknown): Promise<number> => rate(run, { units, milliseconds: 100 });
  const ours = (): Promise<number> => rateOf(() => runtime.run(work.kernel, inputs));
  for (const row of measurements) {
    // One run of the slowest would take minutes here.
    if ("skipped" in row || row.milliseconds > 2000) continue;
    const { backend, milliseconds } = row;
    const peer = (): Promise<number> => rateOf(() => runtime.run(work.kernel, inputs, { backend }));
    await pair({ name, unit, peerName: `${backend}, asked for`, rounds: milliseconds > 100 ? 3 : 15, ours, peer });
  }
  for (const [peerName, run] of Object.entries(others)) {
    await pair({ name, unit, peerName, rounds: 15, ours, peer: () => rateOf(run) });
  }
}

async function product(bench: Bench, runtime: KernelRuntime): Promise<void> {
  const square = filled(512, 512);
  const graph = {
    name: "product",
    nodes: [onnxNode("MatMul", ["a", "b"], ["c"])],
    inputs: [tensorInfo("a", "float32", [512, 512]), tensorInfo("b", "float32", [512, 512])],
    outputs: [tensorInfo("c", "float32", [512, 512])],
  };
  const session = await ort.InferenceSession.create(encodeOnnx(onnxModel(graph)));
  const tensor = new ort.Tensor("float32", square.data, [512, 512]);
  await compare(bench, runtime, {
    name: "matmul 512 x 512",
    unit: "Gflop/s",
    units: (2 * 512 ** 3) / 1e9,
    kernel: kernel.matmul(),
    inputs: { a: square, b: square },
    others: {
      "onnxruntime, bare, its threads": () => session.run({ a: tensor, b: tensor }),
      "tfjs wasm": () =>
        freed(() => {
          const matrix = tf.tensor2d(square.data, [512, 512]);
          return [tf.matMul(matrix, matrix)];
        }),
    },
  });
  await session.release();
}

async function histogram(bench: Bench, runtime: KernelRuntime): Promise<void> {
  const rows = 1_000_000;
  const gradients = filled(1, rows).data;
  const hessians = gradients.map(Math.abs);
  const columns = Array.from({ length: 50 }, (_, column) =>
    Uint8Array.from({ length: rows }, (__, row) => Math.imul(row + column, 2_654_435_761) >>> 24),
  );
  const wide = columns.map((column) => Int32Array.from(column));
  await compare(bench, runtime, {
    name: "histogram of 1 M rows x 50 columns",
    unit: "M values/s",
    units: (rows * columns.length) / 1e6,
    kernel: kernel.histogram({ bins: 256 }),
    inputs: { columns, gradients, hessians },
    others: {
      "tfjs wasm, two bincounts each": () =>
        freed(() => {
          const [first, second] = [tf.tensor1d(gradients), tf.tensor1d(hessians)];
          return wide.flatMap((column) => {
            const bins = tf.tensor1d(column, "int32");
            return [tf.bincount(bins, first, 256), tf.bincount(bins, second, 256)];
          });
        }),
    },
  });
}

async function nearest(bench: Bench, runtime: KernelRuntime): Promise<void> {
  const items = filled(100_000, 128);
  const queries = filled(16, 128);
  const graph = {
    name: "nearest",
    nodes: [
      onnxNode("Gemm", ["queries", "items"], ["scores"], { transB: { int: 1 } }),
      onnxNode("TopK", ["scores", "k"], ["best", "indices"]),
    ],
    initializers: [int64Tensor("k", [1], [10])],
    inputs: [tensorInfo("queries", "float32", ["q", 128]), tensorInfo("items", "float32", ["n", 128])],
    outputs: [tensorInfo("best", "float32", ["q", 10]), tensorInfo("indices", "int64", ["q", 10])],
  };
  const session = await ort.InferenceSession.create(encodeOnnx(onnxModel(graph)));
  const feeds = {
    queries: new ort.Tensor("float32", queries.data, [queries.rows, 128]),
    items: new ort.Tensor("float32", items.data, [items.rows, 128]),
  };
  await compare(bench, runtime, {
    name: "top 10 of 100 k x 128, 16 queries",
    unit: "queries/s",
    units: queries.rows,
    kernel: kernel.topK({ k: 10 }),
    inputs: { queries, items },
    others: {
      "onnxruntime, bare, its threads": () => session.run(feeds),
      "tfjs wasm": () =>
        freed(() => {
          const scores = tf.matMul(
            tf.tensor2d(queries.data, [queries.rows, 128]),
            tf.tensor2d(items.data, [items.rows, 128]),
            false,
            true,
          );
          const { values, indices } = tf.topk(scores, 10);
          return [values, indices];
        }),
    },
  });
  await session.release();
}

/** Reads the results, and frees whatever was made. */
async function freed(build: () => readonly tf.Tensor[]): Promise<void> {
  tf.engine().startScope();
  try {
    for (const tensor of build()) tensor.dataSync();
  } finally {
    tf.engine().endScope();
  }
}

/** Pseudo-random numbers in [-1, 1). */
function filled(rows: number, columns: number): Matrix {
  let state = rows + columns;
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  };
  return { data: Float32Array.from({ length: rows * columns }, next), rows, columns };
}
