import type { Clock, Logger } from "@ashlar/core";

import { computeError } from "../errors.ts";
import type { BatchingOptions, ModelSettings } from "./model-settings.ts";

/** What holds for every model whose own settings do not say otherwise, and what holds for the server. */
export interface InferenceServerOptions extends Pick<
  ModelSettings,
  | "execution"
  | "inlineBelowMicros"
  | "instances"
  | "warmup"
  | "loadTimeoutMs"
  | "runTimeoutMs"
  | "maxHeapMb"
  | "queue"
  | "hedgeAfterMs"
  | "responseCache"
> {
  /**
   * Module that runs models: a package name or a URL. Default `onnxruntime-node`. Give
   * `import.meta.resolve("onnxruntime-node")` where your package manager does not hoist it. It is a specifier, not the
   * module, because a module cannot be sent to another thread.
   */
  readonly ort?: string;
  readonly batching?: BatchingOptions;
  /**
   * Runs in worker threads and processes at a time, over all models; when more are due, models take turns by the time
   * they have used and their `weight`. Default: what the machine offers, `availableParallelism()`.
   */
  readonly maxConcurrentRuns?: number;
  /** Default: silent. */
  readonly logger?: Logger;
  /** Default: the clock of this machine. */
  readonly clock?: Clock;
}

export function requirePositiveInteger(name: string, value: number, most: number = Number.MAX_SAFE_INTEGER): void {
  if (Number.isSafeInteger(value) && value >= 1 && value <= most) return;
  const limit = most === Number.MAX_SAFE_INTEGER ? "a whole number of 1 or more" : `a whole number from 1 to ${most}`;
  throw invalidOption(name, value, limit);
}

export function invalidOption(name: string, value: unknown, rule: string): Error {
  return computeError("INFERENCE_OPTION_INVALID", { name, value: String(value), rule });
}
