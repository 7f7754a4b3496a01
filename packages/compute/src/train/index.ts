export { binDataset, type BinnedDataset, type BinningOptions } from "./binned-dataset.ts";
export { trainBoostedTrees, type BoostedTreesOptions } from "./boosted-trees.ts";
export type { BoostedTreesModel, ValueTree } from "./boosted-trees-model.ts";
export type { CheckpointOptions } from "./checkpoint.ts";
export { readDataset, type Dataset, type DatasetOptions } from "./dataset.ts";
export { trainLogisticRegression, type LogisticRegressionModel, type LogisticRegressionOptions } from "./logistic.ts";
export { auc, baseRate, brier, logLoss } from "./metrics.ts";
export { trainMlp, type MlpOptions } from "./mlp.ts";
export type { ModelJson, ModelKind, TrainedModel } from "./model.ts";
export { modelFromJson } from "./model-json.ts";
export type { OnnxRuntime, OnnxSession, OnnxTensorLike } from "./onnx-runtime.ts";
export { parityCertificate, type ParityCertificate } from "./parity.ts";
export type { PredictionRows } from "./prediction-rows.ts";
export type { TrainingSummary } from "./summary.ts";
export type {
  BatchSequence,
  ColumnLike,
  PlainColumn,
  PlainTable,
  RecordBatchLike,
  TableLike,
  TableSource,
} from "./table.ts";
export type { TrainingOptions, TrainingProgress } from "./train.ts";
