export { isAshlarError } from "@ashlar/core";
export { type Shape, transform, type Transform } from "../define/transform.ts";
export type { Metric } from "../nearest/metric.ts";
export type { Neighbour } from "../nearest/nearest.ts";
export {
  type ClientNearestOptions,
  type ClientReadOptions,
  type ClientServiceReadOptions,
  createFeatureClient,
  type FeatureClient,
  type FeatureClientOptions,
} from "./client.ts";
