import { describeKernelBackend } from "../testing/index.ts";
import { gpuJs, type KernelBackend, type KernelEngine, onnxRuntime, plainJs, wasmSimd } from "./index.ts";
import { plainEngine } from "./plain-js.ts";

describeKernelBackend("plain JS", { create: () => ({ ...plainJs(), name: "plain typed arrays" }) });
describeKernelBackend("WebAssembly", {
  create: () => wasmSimd(),
  refuses: ["sum", "mean", "min", "max", "argmax", "standardise"],
});
describeKernelBackend("ONNX Runtime", { create: () => onnxRuntime() });
describeKernelBackend("ONNX Runtime on all cores", { create: () => onnxRuntime({ threads: "all" }) });
describeKernelBackend("gpu.js cpu", { create: () => gpuJs({ mode: "cpu" }) });
describeKernelBackend("gpu.js webasm", { create: () => gpuJs({ mode: "webasm" }) });

const products: KernelBackend = {
  name: "products only",
  open: async () => {
    const refuses: KernelEngine["refuses"] = ({ nodes }) =>
      nodes.every(({ operation }) => operation.name !== "histogram") ? null : "it has no histogram";
    return { available: true, engine: { ...plainEngine, refuses } };
  },
};
describeKernelBackend("one that refuses a kernel", { create: () => products, refuses: ["histogram"] });
