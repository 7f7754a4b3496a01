import type { WorkerInferenceServer } from "../infer/inference-server.ts";
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
  server: WorkerInferenceServer,
  name?: string,
  version?: string,
): { readonly model_stats: readonly ProtocolModelStatistics[] } {
  const rows = server.models().filter((model) => {
    return (name ?? model.name) === model.name && (version ?? model.version) === model.version;
  });
  const stats = rows.map((model) => {
    const statistics = server.entry(model.name)?.statisticsOf(model.version).read(0);
    return statistics === undefined ? [] : [toProtocol(model.name, model.version, statistics)];
  });
  return { model_stats: stats.flat() };
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
