import { importOnnxRuntime, onnxRuntimePackage, type OnnxRuntime, singleThreaded } from "../infer/runtime.ts";
import { onnxModel, onnxNode, tensorInfo } from "../onnx/build.ts";
import { encodeOnnx } from "../onnx/encode.ts";
import { type KernelBackend, openOrExplain } from "./backend.ts";

/** ONNX Runtime as an engine for matrices: a graph of one MatMul. */
export function onnxRuntime(options: { readonly module?: OnnxRuntime } = {}): KernelBackend {
  return {
    name: "onnxruntime",
    open: () =>
      openOrExplain(async () => {
        const runtime = options.module ?? (await importOrExplain());
        const session = await runtime.InferenceSession.create(oneMatmul(), singleThreaded);
        return {
          available: true,
          multiply: async ({ a, b }) => {
            const tensor = (matrix: typeof a): unknown =>
              new runtime.Tensor("float32" as never, matrix.data as never, [matrix.rows, matrix.columns]);
            const { c } = await session.run({ a: tensor(a) as never, b: tensor(b) as never });
            return { data: c?.data as Float32Array, rows: a.rows, columns: b.columns };
          },
          close: () => session.release(),
        };
      }),
  };
}

function oneMatmul(): Uint8Array {
  const graph = {
    name: "matmul",
    nodes: [onnxNode("MatMul", ["a", "b"], ["c"])],
    inputs: [tensorInfo("a", "float32", ["m", "k"]), tensorInfo("b", "float32", ["k", "n"])],
    outputs: [tensorInfo("c", "float32", ["m", "n"])],
  };
  return encodeOnnx(onnxModel(graph));
}

async function importOrExplain(): Promise<OnnxRuntime> {
  const { library, range } = onnxRuntimePackage;
  return importOnnxRuntime(library).catch((error: unknown) => {
    throw new Error(`${library} is not usable; run: npm install ${library}@"${range}"`, { cause: error });
  });
}
