import type { Dataset } from "./dataset.ts";
import { denseModel } from "./dense-model.ts";
import { floatData, floatDigest, floatRows } from "./float-data.ts";
import { boundedInteger, boundedNumber, positiveNumber } from "./hyperparameter.ts";
import { createLogisticMemory } from "./logistic-program.ts";
import type { TrainedModel } from "./model.ts";
import type { TableSource } from "./table.ts";
import { runTraining, type TrainingOptions } from "./train.ts";

export interface LogisticRegressionOptions extends TrainingOptions {
  readonly data: TableSource | Dataset;
  /** Name of the column to predict. */
  readonly label: string;
  /** @default every column but the label */
  readonly features?: readonly string[];
  /** Penalty `l2 / 2 |w|^2` on the summed log loss; the C of scikit-learn is `1 / l2`. @default 1 */
  readonly l2?: number;
  /** @default 200 */
  readonly maxIterations?: number;
  /** Stop when no slope of the mean loss is above this. @default 1e-8 */
  readonly tolerance?: number;
}

/** A logistic regression and what it says of each feature. */
export interface LogisticRegressionModel extends TrainedModel {
  readonly kind: "logistic-regression";
  /** Log odds per standard deviation of each feature. */
  readonly coefficients: readonly number[];
  /** Log odds at the mean of all features. */
  readonly intercept: number;
}

/**
 * Fits L2-regularised logistic regression on standardised features by L-BFGS on all rows. The problem is convex: the
 * result is its one minimum, to `tolerance`. The intercept is not penalised. Missing values count as the mean.
 *
 * @throws DATASET_INVALID, LABEL_INVALID, HYPERPARAMETER_INVALID, WORKER_DIED, CHECKPOINT_MISMATCH, CHECKPOINT_UNREADABLE
 */
export async function trainLogisticRegression(options: LogisticRegressionOptions): Promise<LogisticRegressionModel> {
  const settings = {
    l2: boundedNumber("l2", options.l2 ?? 1, 0, 1e12),
    maxIterations: boundedInteger("maxIterations", options.maxIterations ?? 200, 1, 100_000),
    tolerance: positiveNumber("tolerance", options.tolerance ?? 1e-8, 1),
  };
  boundedInteger("workers", options.workers ?? 1, 1, 16);
  const data = await floatData(options.data, options);
  const fingerprint = (): Record<string, string | number> => ({
    kind: "logistic-regression",
    data: floatDigest(data),
    ...settings,
  });
  const { state, seconds } = await runTraining(options, fingerprint, (resume) => ({
    kind: "logistic-regression",
    training: floatRows(data),
    ...settings,
    memory: createLogisticMemory(data.features.length),
    ...(resume === undefined ? {} : { resume }),
  }));

  const weights = Float32Array.from(state.values["x"]!.subarray(0, data.features.length));
  const bias = Float32Array.from(state.values["x"]!.subarray(data.features.length));
  const losses = Array.from(state.values["losses"]!);
  return logisticModel({
    kind: "logistic-regression",
    features: data.features,
    label: data.label,
    summary: { rounds: losses.length, rows: data.rows, losses, validationLosses: [], seconds },
    standardization: {
      mean: Float32Array.from(state.values["mean"]!),
      scale: Float32Array.from(state.values["scale"]!),
    },
    layers: [{ weights, bias }],
  });
}

export function logisticModel(parts: Parameters<typeof denseModel>[0]): LogisticRegressionModel {
  const layer = parts.layers[0]!;
  return {
    ...denseModel(parts),
    kind: "logistic-regression",
    coefficients: Array.from(layer.weights),
    intercept: layer.bias[0]!,
  };
}
