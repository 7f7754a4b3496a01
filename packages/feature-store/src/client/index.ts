export { isAshlarError } from "@ashlar/core";
export { type Shape, transform, type Transform } from "../define/transform.ts";
export {
  type ClientReadOptions,
  type ClientServiceReadOptions,
  createFeatureClient,
  type FeatureClient,
  type FeatureClientOptions,
} from "./client.ts";
