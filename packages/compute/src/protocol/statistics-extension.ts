import type { ModelFigures } from "../infer/figures.ts";
import type { ModelStatistics } from "../infer/statistics.ts";

// Types, not interfaces: only they are what a message of gRPC may be.
type Duration = { readonly count: number; readonly ns: number };

/** What a model version has done, in the form of the statistics extension; gRPC has the same fields. */
export type ProtocolModelStatistics = {
  readonly name: string;
  readonly version: string;
  /** Epoch milliseconds. */
  readonly last_inference: number;
  readonly inference_count: number;
  readonly execution_count: number;
  readonly inference_stats: Readonly<Record<string, Duration>>;
  readonly batch_stats: readonly (Readonly<Record<string, Duration>> | { readonly batch_size: number })[];
};

/** `GET /v2/models/stats` and `GET /v2/models/{model}/stats`. */
export function modelStatistics(
  figures: readonly ModelFigures[],
  wanted?: string,
  wantedVersion?: string,
): { readonly model_stats: readonly ProtocolModelStatistics[] } {
  const rows = figures.filter(({ name, version }) => {
    return (wanted ?? name) === name && (wantedVersion ?? version) === version;
  });
  return { model_stats: rows.map(({ name, version, statistics }) => toProtocol(name, version, statistics)) };
}

function toProtocol(name: string, version: string, s: ModelStatistics): ProtocolModelStatistics {
  const duration = (count: number, micros: number): Duration => ({ count, ns: Math.round(micros * 1000) });
  const none = duration(0, 0);
  return {
    name,
    version,
    last_inference: Math.round(s.lastInferenceAt),
    inference_count: s.rows,
    execution_count: s.batches,
    inference_stats: {
      success: duration(s.requests + s.cacheHits, s.latencySumMicros),
      fail: duration(s.failures + s.refused, 0),
      queue: duration(s.requests, s.queueMicros),
      compute_input: none,
      compute_infer: duration(s.batches, s.computeMicros),
      compute_output: none,
      cache_hit: duration(s.cacheHits, 0),
      cache_miss: duration(s.cacheMisses, 0),
    },
    batch_stats: s.batchSizes.map(({ rows, batches, computeMicros }) => ({
      batch_size: rows,
      compute_input: none,
      compute_infer: duration(batches, computeMicros),
      compute_output: none,
    })),
  };
}
