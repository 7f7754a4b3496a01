/**
 * The part of an ONNX model that this package writes and reads: names and meanings are those of the public
 * `onnx.proto3`. Messages outside it (sub-graphs, sparse tensors, functions, external data) are refused on reading.
 */
export interface OnnxModel {
  readonly irVersion: number;
  readonly operatorSets: readonly OnnxOperatorSet[];
  readonly producer: string;
  readonly graph: OnnxGraph;
  /** Free text by key, `metadata_props` in the schema. */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface OnnxOperatorSet {
  /** Empty for the default domain `ai.onnx`. */
  readonly domain: string;
  readonly version: number;
}

export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  readonly inputs: readonly OnnxTensorInfo[];
  readonly outputs: readonly OnnxTensorInfo[];
}

export interface OnnxNode {
  readonly name: string;
  readonly operator: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

export type OnnxAttribute =
  | { readonly float: number }
  | { readonly int: number }
  | { readonly string: string }
  | { readonly floats: ArrayLike<number> }
  | { readonly ints: ArrayLike<number> }
  | { readonly strings: readonly string[] };

export type OnnxElementType = "float32" | "float64" | "int64" | "int32" | "uint16" | "uint8" | "bool";

/** Constant values, row-major. Integers are safe JavaScript integers. */
export interface OnnxTensor {
  readonly name: string;
  readonly type: OnnxElementType;
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

/** A number is a fixed length, a string names a length that varies, such as the batch. */
export type OnnxDimension = number | string;

export interface OnnxTensorInfo {
  readonly name: string;
  readonly type: OnnxElementType;
  readonly shape: readonly OnnxDimension[];
}

/** `TensorProto.DataType`. */
export const elementTypeCodes: Readonly<Record<OnnxElementType, number>> = {
  float32: 1,
  uint8: 2,
  uint16: 4,
  int32: 6,
  int64: 7,
  bool: 9,
  float64: 11,
};

/** Bytes of one value in `raw_data`. */
export const elementWidths: Readonly<Record<OnnxElementType, number>> = {
  float32: 4,
  uint8: 1,
  uint16: 2,
  int32: 4,
  int64: 8,
  bool: 1,
  float64: 8,
};

/** `AttributeProto.AttributeType`. */
export const attributeTypeCodes = { float: 1, int: 2, string: 3, floats: 6, ints: 7, strings: 8 } as const;
