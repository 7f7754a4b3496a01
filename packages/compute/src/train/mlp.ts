import { computeError } from "../errors.ts";
import { type Dataset, readRows } from "./dataset.ts";
import { denseModel, type DenseLayer } from "./dense-model.ts";
import { floatData, floatDigest, floatRows } from "./float-data.ts";
import { allocateFor, boundedInteger, boundedNumber, invalidHyperparameter, positiveNumber } from "./hyperparameter.ts";
import { layersOf } from "./mlp-network.ts";
import { createMlpMemory, type MlpRules } from "./mlp-program.ts";
import type { TrainedModel } from "./model.ts";
import { bestRound } from "./summary.ts";
import type { TableSource } from "./table.ts";
import { runTraining, type TrainingOptions } from "./train.ts";

export interface MlpOptions extends TrainingOptions {
  readonly data: TableSource | Dataset;
  /** Name of the column to predict. */
  readonly label: string;
  /** @default every column but the label */
  readonly features?: readonly string[];
  /** Rows to watch the loss of: the parameters of the best epoch are kept. */
  readonly validation?: TableSource | Dataset;
  /** Widths of the hidden layers, ReLU after each. @default [64, 32] */
  readonly hidden?: readonly number[];
  /** @default 10 */
  readonly epochs?: number;
  /** Rows of a minibatch. @default 1024 */
  readonly batchSize?: number;
  /** @default 0.001 */
  readonly learningRate?: number;
  /** Penalty `l2 / 2 |w|^2` on the mean log loss. @default 0.0001 */
  readonly l2?: number;
  /** Stop when the validation loss has not fallen for this many epochs; 0 is never. @default 3 */
  readonly earlyStopping?: number;
}

/**
 * Trains a multilayer perceptron on standardised features with Adam. The result depends on data, hyperparameters and
 * seed, and not on the number of workers. Missing values count as the mean. A checkpoint interval counts minibatches.
 *
 * @throws DATASET_INVALID, LABEL_INVALID, HYPERPARAMETER_INVALID, TRAINING_DIVERGED, WORKER_DIED, CHECKPOINT_MISMATCH,
 *   CHECKPOINT_UNREADABLE
 */
export async function trainMlp(options: MlpOptions): Promise<TrainedModel> {
  const rules = mlpRules(options);
  boundedInteger("workers", options.workers ?? 1, 1, 16);
  const data = await floatData(options.data, options);
  const validation =
    options.validation === undefined
      ? undefined
      : await floatData(options.validation, { ...options, features: data.features }, readRows);
  const fingerprint = (): Record<string, string | number | readonly number[]> => ({
    kind: "mlp",
    data: floatDigest(data),
    validation: validation === undefined ? "none" : floatDigest(validation),
    ...rules,
  });
  const { state, seconds } = await runTraining(options, fingerprint, (resume) => ({
    kind: "mlp",
    training: floatRows(data),
    ...(validation === undefined ? {} : { validation: floatRows(validation) }),
    rules,
    memory: allocateFor("hidden", rules.hidden.slice(0, 9), () =>
      createMlpMemory(data.features.length, rules.hidden, data.rows),
    ),
    ...(resume === undefined ? {} : { resume }),
  }));

  const losses = Array.from(state.values["losses"]!);
  const validationLosses = Array.from(state.values["validationLosses"]!);
  const layers = denseLayers([data.features.length, ...rules.hidden, 1], state.values["best"]!);
  // The loss of an epoch is that of the parameters before its last step.
  if (!layers.every(({ weights, bias }) => weights.every(Number.isFinite) && bias.every(Number.isFinite))) {
    throw computeError("TRAINING_DIVERGED", { kind: "mlp", step: losses.length, loss: "beyond float32" });
  }
  return denseModel({
    kind: "mlp",
    features: data.features,
    label: data.label,
    summary: {
      rounds: bestRound(validationLosses, losses.length),
      rows: data.rows,
      losses,
      validationLosses,
      seconds,
    },
    standardization: {
      mean: Float32Array.from(state.values["mean"]!),
      scale: Float32Array.from(state.values["scale"]!),
    },
    layers,
  });
}

function mlpRules(options: MlpOptions): MlpRules {
  const hidden = options.hidden ?? [64, 32];
  if (!Array.isArray(hidden)) {
    throw invalidHyperparameter("hidden", hidden, "a list of widths, such as [64, 32]");
  }
  hidden.forEach((width, i) => boundedInteger(`hidden[${i}]`, width, 1, 4096));
  return {
    hidden: [...hidden],
    epochs: boundedInteger("epochs", options.epochs ?? 10, 1, 100_000),
    batchSize: boundedInteger("batchSize", options.batchSize ?? 1024, 1, 1_000_000),
    learningRate: positiveNumber("learningRate", options.learningRate ?? 1e-3, 1e300),
    l2: boundedNumber("l2", options.l2 ?? 1e-4, 0, 1e9),
    patience: boundedInteger("earlyStopping", options.earlyStopping ?? 3, 0, 100_000),
    seed: boundedInteger("seed", options.seed ?? 0, 0, 0xffff_ffff),
  };
}

/** From the trainer's [outputs x inputs] in float64 to the model's [inputs x outputs] in float32. */
function denseLayers(widths: readonly number[], parameters: Float64Array): DenseLayer[] {
  return layersOf(widths).layers.map(({ inputs, outputs, weights, bias }) => {
    const transposed = new Float32Array(inputs * outputs);
    for (let j = 0; j < outputs; j++) {
      for (let k = 0; k < inputs; k++) transposed[k * outputs + j] = parameters[weights + j * inputs + k]!;
    }
    return { weights: transposed, bias: Float32Array.from(parameters.subarray(bias, bias + outputs)) };
  });
}
