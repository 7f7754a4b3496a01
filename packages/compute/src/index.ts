export { computeError, computeErrors } from "./errors.ts";
export { decodeOnnx, type DecodeLimits } from "./onnx/decode.ts";
export { encodeOnnx } from "./onnx/encode.ts";
export { floatTensor, int64Tensor, onnxModel, onnxNode, tensorInfo, type OnnxGraphParts } from "./onnx/build.ts";
export type {
  OnnxAttribute,
  OnnxDimension,
  OnnxElementType,
  OnnxGraph,
  OnnxModel,
  OnnxNode,
  OnnxOperatorSet,
  OnnxTensor,
  OnnxTensorInfo,
} from "./onnx/model.ts";
