export type { BackendState, Call, KernelBackend, KernelEngine } from "./backend.ts";
export type { Choice, Explanation, Failure } from "./choice.ts";
export { fuse, type Steps, type Value } from "./fuse.ts";
export {
  type GpuJs,
  type GpuJsConstructor,
  type GpuJsInstance,
  gpuJs,
  type GpuJsMode,
  type GpuJsOptions,
  type WebGpu,
} from "./gpu-js.ts";
export type { BoundKernel, Kernel } from "./kernel.ts";
export {
  type HistogramInputs,
  type HistogramOutput,
  kernel,
  type PairInputs,
  type ReductionOptions,
  type StandardiseInputs,
  type TopKInputs,
  type TopKOptions,
  type ValuesInput,
} from "./kernels.ts";
export type { Measurement, SizeClass } from "./measure.ts";
export { onnxRuntime, type OnnxRuntimeBackendOptions } from "./onnx-runtime.ts";
export type { GpuForm, GpuStage, OnnxForm, OnnxNames, Operation } from "./operation.ts";
export type { Metric } from "./operations/distance.ts";
export type { TopKOutput } from "./operations/top.ts";
export type { Axis } from "./operations/reduce.ts";
export { plainJs } from "./plain-js.ts";
export type { Program, ProgramNode } from "./program.ts";
export { createKernelRuntime, type KernelRuntime, type KernelRuntimeOptions, type RunOptions } from "./runtime.ts";
export { type BinSource, columnsOf, type ListColumnLike, type MatrixSource, type WeightSource } from "./source.ts";
export type { Matrix, Shape, Tensor, TensorData } from "./tensor.ts";
export { wasmSimd } from "./wasm.ts";
export { createKernelThread, type KernelThreadOptions } from "./thread.ts";
