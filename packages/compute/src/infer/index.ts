export { type ClusterOptions, type InferenceCluster, startInferenceCluster } from "../cluster/cluster.ts";
export type { EnsembleStep } from "./ensemble.ts";
export type { ConnectionListener, ConnectionOptions } from "../http/connection-listener.ts";
export { Histogram } from "./histogram.ts";
export type { ModelFigures } from "./figures.ts";
export type { Route } from "./model-entry.ts";
export type {
  BatchingOptions,
  EnsembleOptions,
  ModelSettings,
  QueueLevel,
  QueuePolicy,
  SequenceOptions,
  VersionPolicy,
} from "./model-settings.ts";
export { modelSettingsSchema } from "./model-settings-schema.ts";
export type { InferenceServerOptions } from "./options.ts";
export type { RequestOptions } from "./pending-request.ts";
export type { InferenceInputs, TensorMatrix } from "./request.ts";
export type { ExecutionKind } from "./runner.ts";
export type { SettingsSchema } from "./schema-check.ts";
export type { SequencePosition } from "./sequence.ts";
export {
  createInferenceServer,
  type InferenceServer,
  type InferOptions,
  type LazyOptions,
  type LoadOptions,
  type ModelInfo,
  type ShadowLimits,
  type SwapInfo,
  type SwapOptions,
} from "./server.ts";
export type { ShadowOptions, ShadowReport } from "./shadow.ts";
export type { ModelSignature } from "./signature.ts";
export type { BatchSizeStatistics, ModelStatistics } from "./statistics.ts";
export type { ElementType, NumericTensorData, Tensor, TensorData, TensorSpec, TypedTensor } from "./tensor.ts";
export type { LambdaHandler, LambdaResult } from "../protocol/lambda.ts";
export type { LambdaEvent, LambdaHttpEvent, LambdaProxyEvent } from "../protocol/lambda-event.ts";
export { openInferenceApi } from "../protocol/openapi.ts";
export type { ProtocolOptions, RepositoryControl, RepositoryIndexEntry } from "../protocol/options.ts";
export type { DeclaredSignature, DeclaredTensor } from "../repository/declared-signature.ts";
export { directoryModels } from "../repository/directory.ts";
export { type ModelObjects, storedModels } from "../repository/object-store.ts";
export { type ModelRegistry, registeredModels, type RegisteredModel } from "../repository/registry.ts";
export {
  type ModelRepository,
  openModelRepository,
  type RepositoryFailure,
  type RepositoryTarget,
} from "../repository/repository.ts";
export type { ModelSource, StoredModel, StoredVersion } from "../repository/source.ts";
export type { GrpcError, GrpcMethod, GrpcService, UnaryCall, UnaryHandler } from "../grpc/service.ts";
export type { StreamCall } from "../grpc/stream.ts";
export type { Message, Scalar } from "../grpc/wire.ts";
