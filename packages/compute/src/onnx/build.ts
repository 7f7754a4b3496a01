import type {
  OnnxAttribute,
  OnnxDimension,
  OnnxElementType,
  OnnxModel,
  OnnxNode,
  OnnxTensor,
  OnnxTensorInfo,
} from "./model.ts";

/** What makes a graph; everything else about the model is fixed. */
export interface OnnxGraphParts {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly initializers?: readonly OnnxTensor[];
  readonly inputs: readonly OnnxTensorInfo[];
  readonly outputs: readonly OnnxTensorInfo[];
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A model of IR version 8 on the operator sets `ai.onnx` 17 and `ai.onnx.ml` 3. */
export function onnxModel(parts: OnnxGraphParts): OnnxModel {
  return {
    irVersion: 8,
    operatorSets: [
      { domain: "", version: 17 },
      { domain: "ai.onnx.ml", version: 3 },
    ],
    producer: "ashlar",
    graph: {
      name: parts.name,
      nodes: parts.nodes,
      initializers: parts.initializers ?? [],
      inputs: parts.inputs,
      outputs: parts.outputs,
    },
    metadata: parts.metadata ?? {},
  };
}

/** One operator of the graph, named after its first output. */
export function onnxNode(
  operator: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, OnnxAttribute>> = {},
  domain = "",
): OnnxNode {
  return { name: outputs[0] ?? operator, operator, domain, inputs, outputs, attributes };
}

export function floatTensor(name: string, shape: readonly number[], data: ArrayLike<number>): OnnxTensor {
  return { name, type: "float32", shape, data };
}

export function int64Tensor(name: string, shape: readonly number[], data: ArrayLike<number>): OnnxTensor {
  return { name, type: "int64", shape, data };
}

export function tensorInfo(name: string, type: OnnxElementType, shape: readonly OnnxDimension[]): OnnxTensorInfo {
  return { name, type, shape };
}
