import { floatTensor, int64Tensor, onnxModel, onnxNode, tensorInfo } from "../onnx/build.ts";
import { encodeOnnx } from "../onnx/encode.ts";
import { elementTypeCodes, type OnnxNode, type OnnxTensor } from "../onnx/model.ts";
import type { ModelKind } from "./model.ts";

/** Name of the value that each model's own nodes compute from `features`: log odds, float32 [N, 1]. */
export const SCORE = "score";

/**
 * Completes a graph from the log odds to the outputs that all models share: `probability` and `label`, which is 1 when
 * the log odds are above 0.
 */
export function exportClassifier(model: {
  readonly kind: ModelKind;
  readonly features: readonly string[];
  readonly label: string;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
}): Uint8Array {
  return encodeOnnx(
    onnxModel({
      name: model.kind,
      nodes: [
        ...model.nodes,
        onnxNode("Sigmoid", [SCORE], ["probability"]),
        onnxNode("Greater", [SCORE, "zero"], ["positive"]),
        onnxNode("Cast", ["positive"], ["label_column"], { to: { int: elementTypeCodes.int64 } }),
        onnxNode("Squeeze", ["label_column", "second_axis"], ["label"]),
      ],
      initializers: [...model.initializers, floatTensor("zero", [], [0]), int64Tensor("second_axis", [1], [1])],
      inputs: [tensorInfo("features", "float32", ["N", model.features.length])],
      outputs: [tensorInfo("label", "int64", ["N"]), tensorInfo("probability", "float32", ["N", 1])],
      metadata: { kind: model.kind, features: JSON.stringify(model.features), label: model.label },
    }),
  );
}

/** A stack of layers over standardised features: `(x - mean) * scale`, where a missing value becomes 0, the mean. */
export function denseNodes(
  mean: Float32Array,
  scale: Float32Array,
  layers: readonly { readonly weights: Float32Array; readonly bias: Float32Array }[],
): { readonly nodes: OnnxNode[]; readonly initializers: OnnxTensor[] } {
  const nodes = [
    onnxNode("Sub", ["features", "mean"], ["centred"]),
    onnxNode("IsNaN", ["centred"], ["missing"]),
    onnxNode("Where", ["missing", "zero", "centred"], ["known"]),
    onnxNode("Mul", ["known", "scale"], ["hidden_0"]),
  ];
  const initializers = [floatTensor("mean", [mean.length], mean), floatTensor("scale", [scale.length], scale)];
  layers.forEach(({ weights, bias }, i) => {
    const last = i === layers.length - 1;
    const output = last ? SCORE : `linear_${i}`;
    nodes.push(onnxNode("Gemm", [`hidden_${i}`, `weights_${i}`, `bias_${i}`], [output]));
    if (!last) nodes.push(onnxNode("Relu", [output], [`hidden_${i + 1}`]));
    initializers.push(
      floatTensor(`weights_${i}`, [weights.length / bias.length, bias.length], weights),
      floatTensor(`bias_${i}`, [bias.length], bias),
    );
  });
  return { nodes, initializers };
}
