export type { About, AboutOptions } from "./define/about.ts";
export { approxCountDistinct, approxQuantile } from "./define/approximate.ts";
export { type Column, column, type ColumnFeature, type Predicate } from "./define/column.ts";
export type { Duration } from "./define/duration.ts";
export { type Entity, entity, type KeyShape, type KeyType } from "./define/entity.ts";
export {
  type Feature,
  type Features,
  type FeatureView,
  featureView,
  type FeatureViewOptions,
  type ViewKey,
} from "./define/feature-view.ts";
export type { PushSource, PushSourceOptions } from "./define/push-source.ts";
export { onDemand, type OnDemandView } from "./define/on-demand.ts";
export { type FeatureService, featureService, type FeatureServiceOptions } from "./define/service.ts";
export type {
  DistinctNames,
  EntityRow,
  FeatureName,
  FeatureValue,
  Selected,
  Selector,
  TrainingRow,
  View,
} from "./define/selection.ts";
export { type Shape, transform, type Transform } from "./define/transform.ts";
export {
  type ScalarType,
  type Value,
  type ValueOf,
  type ValuesOf,
  type ValueType,
  type ValueTypes,
  vector,
  type VectorType,
} from "./define/value-type.ts";
export {
  type Aggregate,
  count,
  countDistinct,
  first,
  last,
  lastNonNull,
  max,
  mean,
  median,
  min,
  type OrderedType,
  quantile,
  share,
  stddev,
  sum,
  window,
  type WindowFeature,
} from "./define/window.ts";
export { featureStoreError, featureStoreErrors } from "./errors.ts";
export type {
  FeatureStore,
  FeatureStoreOptions,
  MaterializeOptions,
  MaterializerOptions,
  ReadOptions,
  ServiceReadOptions,
  Vector,
} from "./feature-store.ts";
export {
  type FeatureLog,
  featureLog,
  type FeatureLogCounts,
  type FeatureLogOptions,
  type FeatureLogSink,
  type ServedRead,
} from "./log/feature-log.ts";
export type { FeatureSkew, SkewCause, SkewDifference, SkewOptions, SkewReport } from "./log/skew.ts";
export type { BackfillOptions, BackfillResult } from "./materialize/backfill.ts";
export type { RemovedCopies, RemoveRetiredOptions } from "./materialize/retire.ts";
export type { Copy } from "./materialize/serving-record.ts";
export type { Materializer, MaterializeResult } from "./materialize/materializer.ts";
export type { ParityDifference, ParityOptions, ParityReport } from "./materialize/parity.ts";
export type { Metric } from "./nearest/metric.ts";
export type { Candidate, NearestOptions, Neighbour, VectorFeature } from "./nearest/nearest.ts";
export type { SearchLimits } from "./nearest/searches.ts";
export { arrow } from "./offline/arrow.ts";
export type { ColumnData } from "./offline/column-data.ts";
export type { FeatureColumn, OutputOptions } from "./offline/feature-column.ts";
export type {
  EngineOptions,
  JoinRequest,
  LabelOptions,
  LabelPart,
  OfflineEngine,
  TimelineOptions,
} from "./offline/port.ts";
export type { IgnoredRows, Timeline } from "./offline/timeline.ts";
export { memory } from "./online/memory.ts";
export type {
  OnlineChange,
  OnlineEntry,
  OnlineExchangeOptions,
  OnlineRead,
  OnlineStore,
  OnlineStoreCapabilities,
  OnlineWriteOptions,
} from "./online/port.ts";
export type { PushResult } from "./push/add-events.ts";
export type { PushEvent } from "./push/events.ts";
export type { PushOptions } from "./push/push.ts";
export type { HandlerOptions } from "./serve/handler.ts";
export { openFeatureApi, type OpenApiDocument, type OpenApiOptions } from "./serve/openapi.ts";
export { type OnlineColumn, OnlineColumns, readingStatuses, type ValuesOfType } from "./serve/online-columns.ts";
export type { Reading, Readings } from "./serve/read.ts";
export { type Cell, fromRows, type RowCell } from "./source/rows.ts";
export { fromBatches, fromTable, type SourceOptions, type TableSource } from "./source/table-source.ts";
export { createFeatureStore } from "./store.ts";
export { arrowStream } from "./training/arrow-stream.ts";
export type { LeakReport } from "./training/leak-report.ts";
export type { Labels } from "./training/label-source.ts";
export type { JoinOptions, TrainingManifest } from "./training/manifest.ts";
export {
  type ParquetEncoder,
  type ParquetEncoding,
  parquetFile,
  type ParquetFileOptions,
} from "./training/parquet-file.ts";
export type { ReplayOptions, ReplayWriteOptions } from "./training/replay.ts";
export type { TrainingRows } from "./training/rows.ts";
export type { TrainingSink } from "./training/sink.ts";
export type { TrainingSummary } from "./training/training-join.ts";
export type { ServiceTrainingSetOptions, TrainingOptions, TrainingSetOptions } from "./training/training-options.ts";
export type { TrainingSet } from "./training/training-set.ts";
export type { WriteOptions } from "./training/write-training-set.ts";
