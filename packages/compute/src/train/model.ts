import type { TrainingSummary } from "./summary.ts";
import type { PredictionRows } from "./prediction-rows.ts";

export type ModelKind = "logistic-regression" | "mlp" | "boosted-trees";

/** What every trainer returns: a model of the probability that the label is 1. */
export interface TrainedModel {
  readonly kind: ModelKind;
  /** Names of the inputs, in the order of the columns of a row. */
  readonly features: readonly string[];
  readonly label: string;
  readonly summary: TrainingSummary;
  /**
   * Probability of label 1 for each row. NaN is a missing value.
   *
   * @throws PREDICTION_INPUT_INVALID
   */
  predict(rows: PredictionRows): Float64Array;
  /**
   * The model as an `.onnx` file (IR 8, ai.onnx 17, ai.onnx.ml 3). Input `features` float32 [N, F], NaN is missing;
   * outputs `label` int64 [N] and `probability` float32 [N, 1], the probability of label 1.
   */
  toOnnx(): Uint8Array;
  /** A JSON value from which `modelFromJson` makes the same model, bit for bit. */
  toJSON(): ModelJson;
}

/** The saved form of a model. */
export interface ModelJson {
  readonly format: "ashlar-model-1";
  readonly kind: ModelKind;
  readonly features: readonly string[];
  readonly label: string;
  readonly summary: TrainingSummary;
  /** The numbers of the model; its shape follows from `kind`. */
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** The log odds as a probability. */
export function sigmoid(score: number): number {
  const e = Math.exp(-Math.abs(score));
  return score >= 0 ? 1 / (1 + e) : e / (1 + e);
}
