import type { ElementType } from "../infer/tensor.ts";

/**
 * Tensor datatypes of the Open Inference Protocol v2, and Triton's BF16, which exists in binary only: models run by ONNX
 * Runtime in Node have no such tensors, so it is taken for FP32 inputs, which hold its values exactly.
 */
export type Datatype =
  | "BOOL"
  | "UINT8"
  | "UINT16"
  | "UINT32"
  | "UINT64"
  | "INT8"
  | "INT16"
  | "INT32"
  | "INT64"
  | "FP16"
  | "BF16"
  | "FP32"
  | "FP64"
  | "BYTES";

const elementTypes: Readonly<Record<Datatype, ElementType>> = {
  BOOL: "bool",
  UINT8: "uint8",
  UINT16: "uint16",
  UINT32: "uint32",
  UINT64: "uint64",
  INT8: "int8",
  INT16: "int16",
  INT32: "int32",
  INT64: "int64",
  FP16: "float16",
  BF16: "float32",
  FP32: "float32",
  FP64: "float64",
  BYTES: "string",
};

const datatypes = Object.fromEntries(
  Object.entries(elementTypes)
    .filter(([datatype]) => datatype !== "BF16")
    .map(([datatype, element]) => [element, datatype]),
) as Readonly<Record<ElementType, Datatype>>;

export const datatypeNames: readonly Datatype[] = Object.keys(elementTypes) as Datatype[];

export function isDatatype(value: unknown): value is Datatype {
  return typeof value === "string" && Object.hasOwn(elementTypes, value);
}

export function elementTypeOf(datatype: Datatype): ElementType {
  return elementTypes[datatype];
}

export function datatypeOf(type: ElementType): Datatype {
  return datatypes[type];
}

/** The whole numbers a datatype holds, both ends included. */
export const integerRanges: Readonly<Partial<Record<Datatype, readonly [bigint, bigint]>>> = {
  INT8: [-(2n ** 7n), 2n ** 7n - 1n],
  INT16: [-(2n ** 15n), 2n ** 15n - 1n],
  INT32: [-(2n ** 31n), 2n ** 31n - 1n],
  INT64: [-(2n ** 63n), 2n ** 63n - 1n],
  UINT8: [0n, 2n ** 8n - 1n],
  UINT16: [0n, 2n ** 16n - 1n],
  UINT32: [0n, 2n ** 32n - 1n],
  UINT64: [0n, 2n ** 64n - 1n],
};
