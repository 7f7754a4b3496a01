export type { BackendState, KernelBackend } from "./backend.ts";
export { type GpuJs, type GpuJsInstance, gpuJs, type GpuJsMode } from "./gpu-js.ts";
export {
  kernel,
  type Kernel,
  type KernelName,
  type MatmulInputs,
  type Matrix,
  type MatrixProduct,
  type TopKInputs,
  type TopKOutput,
} from "./kernels.ts";
export type { Measurement, SizeClass } from "./measure.ts";
export { onnxRuntime } from "./onnx-runtime.ts";
export { plainJs } from "./plain-js.ts";
export {
  type Choice,
  createKernelRuntime,
  type Explanation,
  type KernelRuntime,
  type KernelRuntimeOptions,
} from "./runtime.ts";
