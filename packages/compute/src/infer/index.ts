export { Histogram } from "./histogram.ts";
export type { BatchingOptions, InferenceServerOptions } from "./options.ts";
export type { InferenceInputs } from "./request.ts";
export {
  createInferenceServer,
  type InferenceServer,
  type InferOptions,
  type LoadOptions,
  type ModelInfo,
} from "./server.ts";
export type { ModelSignature } from "./signature.ts";
export type { ModelStatistics } from "./statistics.ts";
export type { ElementType, NumericTensorData, Tensor, TensorData, TensorSpec, TypedTensor } from "./tensor.ts";
export type { RequestOptions } from "./tracked-request.ts";
export { createProtocolHandler, type ProtocolOptions } from "../protocol/handler.ts";
export { openInferenceApi } from "../protocol/openapi.ts";
