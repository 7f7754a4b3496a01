import { computeError } from "../errors.ts";
import { parseLatencyTarget } from "./latency-target.ts";
import type { ModelSettings, QueuePolicy } from "./model-settings.ts";
import { modelSettingsSchema } from "./model-settings-schema.ts";
import { firstViolation } from "./schema-check.ts";

/** The settings of one model with every default filled in. */
export interface ResolvedSettings {
  readonly execution: NonNullable<ModelSettings["execution"]>;
  readonly inlineBelowMicros: number;
  readonly instances: number;
  readonly warmup: boolean;
  readonly loadTimeoutMs: number;
  readonly runTimeoutMs: number | null;
  readonly maxHeapMb: number | null;
  readonly batchable: boolean;
  readonly batchAxes: Readonly<Record<string, number | null>> | null;
  readonly maxBatchRows: number;
  readonly preferredBatchRows: readonly number[];
  readonly maxDelayMs: number;
  readonly latencyTarget: { readonly milliseconds: number; readonly quantile: number } | null;
  readonly queue: QueuePolicy & { readonly limit: number };
  readonly hedgeAfterMs: number | null;
  readonly weight: number;
  readonly responseCacheBytes: number;
  readonly sequence: ModelSettings["sequence"] | null;
  readonly labels: Readonly<Record<string, readonly string[]>>;
}

/** Fills in the defaults: the model's own settings go before those of the server. @throws INFERENCE_OPTION_INVALID */
export function resolveSettings(server: ModelSettings, model: ModelSettings): ResolvedSettings {
  checkSettings(model);
  const batching = { ...server.batching, ...model.batching };
  const maxBatchRows = batching.maxBatchRows ?? 256;
  const preferred = [...(batching.preferredBatchRows ?? [])].sort((a, b) => a - b);
  const largest = preferred.at(-1) ?? 0;
  if (largest > maxBatchRows) {
    throw invalidSetting("batching.preferredBatchRows", largest, `at most maxBatchRows, which is ${maxBatchRows}`);
  }
  const target = batching.latencyTarget;
  return {
    execution: model.execution ?? server.execution ?? "auto",
    inlineBelowMicros: model.inlineBelowMicros ?? server.inlineBelowMicros ?? 500,
    instances: model.instances ?? server.instances ?? 1,
    warmup: model.warmup ?? server.warmup ?? true,
    loadTimeoutMs: model.loadTimeoutMs ?? server.loadTimeoutMs ?? 120_000,
    runTimeoutMs: model.runTimeoutMs ?? server.runTimeoutMs ?? null,
    maxHeapMb: model.maxHeapMb ?? server.maxHeapMb ?? null,
    batchable: model.batchable ?? true,
    batchAxes: model.batchAxes ?? null,
    maxBatchRows,
    preferredBatchRows: preferred,
    maxDelayMs: batching.maxDelayMs ?? 0,
    latencyTarget: target === undefined ? null : parseLatencyTarget(target),
    queue: { limit: batching.queueLimit ?? 1024, ...server.queue, ...model.queue },
    hedgeAfterMs: model.hedgeAfterMs ?? server.hedgeAfterMs ?? null,
    weight: model.weight ?? 1,
    responseCacheBytes: model.responseCache?.maxBytes ?? server.responseCache?.maxBytes ?? 0,
    sequence: model.sequence ?? null,
    labels: model.labels ?? {},
  };
}

/**
 * What a version is served with that takes the place of another: what is left out stays as it was, since a swap that
 * names a file only is not meant to end batching, cache or sequences. A file and a graph have nothing to keep.
 */
export function settingsToReplace<Given extends ModelSettings>(before: ModelSettings, given: Given): Given {
  const alike = (before.ensemble === undefined) === (given.ensemble === undefined);
  return alike ? { ...before, ...given } : given;
}

/** Checks settings against the published JSON schema. @throws INFERENCE_OPTION_INVALID */
export function checkSettings(settings: unknown): asserts settings is ModelSettings {
  const violation = firstViolation(settings, modelSettingsSchema);
  if (violation !== null) throw invalidSetting(violation.path || "settings", violation.value, violation.rule);
}

function invalidSetting(name: string, value: unknown, rule: string): Error {
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  return computeError("INFERENCE_OPTION_INVALID", { name, value: (text ?? "undefined").slice(0, 100), rule });
}
