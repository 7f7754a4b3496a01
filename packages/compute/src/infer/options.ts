import type { Clock, Logger } from "@ashlar/core";

import { computeError } from "../errors.ts";

export interface BatchingOptions {
  /** Rows joined into one run at most; a request with more is refused. Default 256. */
  readonly maxBatchRows?: number;
  /**
   * How long the oldest request may wait for others, in milliseconds. Default 0: whatever waits when an instance is
   * free is run at once.
   */
  readonly maxDelayMs?: number;
  /** Requests that may wait per model; more are refused with INFERENCE_QUEUE_FULL. Default 1024. */
  readonly queueLimit?: number;
}

export interface InferenceServerOptions {
  /**
   * Module that the worker threads import to run models: a package name or a URL. Default `onnxruntime-node`. Give
   * `import.meta.resolve("onnxruntime-node")` where your package manager does not hoist it. It is a specifier, not the
   * module, because a module cannot be sent to another thread.
   */
  readonly ort?: string;
  readonly batching?: BatchingOptions;
  /** Instances per model where `load` does not say. Default 1. */
  readonly instances?: number;
  /** Default: silent. */
  readonly logger?: Logger;
  /** Default: the clock of this machine. */
  readonly clock?: Clock;
}

/** The batching of one server with its defaults filled in. */
export type BatchingPolicy = Required<BatchingOptions>;

/** @throws INFERENCE_OPTION_INVALID */
export function batchingPolicy(options: BatchingOptions = {}): BatchingPolicy {
  const policy = { maxBatchRows: 256, maxDelayMs: 0, queueLimit: 1024, ...options };
  requirePositiveInteger("batching.maxBatchRows", policy.maxBatchRows);
  requirePositiveInteger("batching.queueLimit", policy.queueLimit);
  if (!(policy.maxDelayMs >= 0 && policy.maxDelayMs <= 60_000)) {
    throw invalidOption("batching.maxDelayMs", policy.maxDelayMs, "a number of milliseconds from 0 to 60000");
  }
  return policy;
}

export function requirePositiveInteger(name: string, value: number, most: number = Number.MAX_SAFE_INTEGER): void {
  if (Number.isSafeInteger(value) && value >= 1 && value <= most) return;
  const limit = most === Number.MAX_SAFE_INTEGER ? "a whole number of 1 or more" : `a whole number from 1 to ${most}`;
  throw invalidOption(name, value, limit);
}

export function invalidOption(name: string, value: unknown, rule: string): Error {
  return computeError("INFERENCE_OPTION_INVALID", { name, value: String(value), rule });
}
