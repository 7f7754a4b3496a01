import type { ModelFigures } from "./figures.ts";
import type { ModelStatistics } from "./statistics.ts";

interface Metric {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly value: (statistics: ModelStatistics) => number;
}

/** Names and meanings are those of Triton, so that its dashboards and autoscaling rules hold. Durations: microseconds. */
const metrics: readonly Metric[] = [
  counter("nv_inference_request_success", "Number of successful inference requests", (s) => s.requests + s.cacheHits),
  counter("nv_inference_request_failure", "Number of failed inference requests", (s) => s.failures + s.refused),
  counter("nv_inference_count", "Number of inferences performed (does not include cached requests)", (s) => s.rows),
  counter("nv_inference_exec_count", "Number of model executions performed", (s) => s.batches),
  counter("nv_inference_request_duration_us", "Cumulative inference request duration", (s) => s.latencySumMicros),
  counter("nv_inference_queue_duration_us", "Cumulative inference queuing duration", (s) => s.queueMicros),
  counter("nv_inference_compute_infer_duration_us", "Cumulative compute inference duration", (s) => s.computeMicros),
  counter("nv_cache_num_hits_per_model", "Number of cache hits per model", (s) => s.cacheHits),
  counter("nv_cache_num_misses_per_model", "Number of cache misses per model", (s) => s.cacheMisses),
  {
    name: "nv_inference_pending_request_count",
    type: "gauge",
    help: "Instantaneous number of pending requests awaiting execution",
    value: (s) => s.queued,
  },
];

function counter(name: string, help: string, value: Metric["value"]): Metric {
  return { name, type: "counter", help, value };
}

/** The figures of every version in the Prometheus text format 0.0.4. */
export function prometheusMetrics(figures: readonly ModelFigures[]): string {
  const rows = figures.map(({ name, version, ...rest }) => ({
    labels: `{model="${name}",version="${version}"}`,
    ...rest,
  }));
  const lines = metrics.flatMap(({ name, type, help, value }) => [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    ...rows.map(({ labels, statistics }) => `${name}${labels} ${value(statistics)}`),
  ]);
  const ready = rows.map(({ labels, liveInstances }) => `ashlar_model_ready${labels} ${liveInstances > 0 ? 1 : 0}`);
  const latency = rows.flatMap(({ labels, statistics: { latencyMicros } }) =>
    [
      ["0.5", latencyMicros.p50],
      ["0.99", latencyMicros.p99],
    ].map(([quantile, micros]) => `ashlar_request_latency_us${labels.slice(0, -1)},quantile="${quantile}"} ${micros}`),
  );
  lines.push(
    "# HELP ashlar_model_ready Whether an instance of the model is alive",
    "# TYPE ashlar_model_ready gauge",
    ...ready,
    "# HELP ashlar_request_latency_us Quantiles of the request duration since the model was loaded",
    "# TYPE ashlar_request_latency_us gauge",
    ...latency,
  );
  return `${lines.join("\n")}\n`;
}
