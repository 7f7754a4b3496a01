import { denseNodes, exportClassifier } from "./export-onnx.ts";
import { type ModelJson, sigmoid, type TrainedModel } from "./model.ts";
import { countRows, eachBlock } from "./prediction-rows.ts";
import { standardize, type Standardization } from "./standardize.ts";
import type { TrainingSummary } from "./summary.ts";

/** Weights of one layer, float32: `weights[k * outputs + j]` leads from input k to output j. */
export interface DenseLayer {
  readonly weights: Float32Array;
  readonly bias: Float32Array;
}

export interface DenseParts {
  readonly kind: "logistic-regression" | "mlp";
  readonly features: readonly string[];
  readonly label: string;
  readonly summary: TrainingSummary;
  readonly standardization: Standardization;
  /** ReLU stands between them. */
  readonly layers: readonly DenseLayer[];
}

/** A model of standardised features and layers of weights. A missing value counts as the training mean. */
export function denseModel(parts: DenseParts): TrainedModel {
  const { kind, features, label, summary, standardization, layers } = parts;
  const { mean, scale } = standardization;
  return {
    kind,
    features,
    label,
    summary,
    predict(rows) {
      const result = new Float64Array(countRows(rows, features));
      const input = new Float64Array(features.length);
      eachBlock(rows, features, (block, count, firstRow) => {
        for (let i = 0; i < count; i++) {
          for (let f = 0; f < input.length; f++) {
            input[f] = standardize(block[i * input.length + f]!, mean[f]!, scale[f]!);
          }
          result[firstRow + i] = sigmoid(scoreOf(input, layers));
        }
      });
      return result;
    },
    toOnnx: () => exportClassifier({ kind, features, label, ...denseNodes(mean, scale, layers) }),
    toJSON(): ModelJson {
      const parameters = {
        mean: Array.from(mean),
        scale: Array.from(scale),
        layers: layers.map(({ weights, bias }) => ({ weights: Array.from(weights), bias: Array.from(bias) })),
      };
      return { format: "ashlar-model-1", kind, features, label, summary, parameters };
    },
  };
}

function scoreOf(input: Float64Array, layers: readonly DenseLayer[]): number {
  let values = input;
  layers.forEach(({ weights, bias }, l) => {
    const outputs = Float64Array.from(bias);
    for (let k = 0; k < values.length; k++) {
      const value = values[k]!;
      if (value === 0) continue;
      for (let j = 0; j < outputs.length; j++) outputs[j] = outputs[j]! + value * weights[k * outputs.length + j]!;
    }
    if (l < layers.length - 1) for (let j = 0; j < outputs.length; j++) outputs[j] = Math.max(outputs[j]!, 0);
    values = outputs;
  });
  return values[0]!;
}
