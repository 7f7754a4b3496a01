import type { GatewayStatistics } from "@ashlar/networking";

interface Metric {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly values: readonly (readonly [labels: Readonly<Record<string, string>>, value: number])[];
}

/** The figures of the gateway in the Prometheus text format, version 0.0.4. */
export function gatewayMetrics(gateway: GatewayStatistics): string {
  const perRoute = <Value>(values: (route: GatewayStatistics["routes"][number]) => Value[]): Value[] =>
    gateway.routes.flatMap(values);
  const metrics: readonly Metric[] = [
    {
      name: "ashlar_gateway_responses_total",
      type: "counter",
      help: "Responses by route and status class.",
      values: perRoute(({ route, statuses }) =>
        Object.entries(statuses).map(([status, count]) => [{ route, status }, count] as const),
      ),
    },
    {
      name: "ashlar_gateway_refusals_total",
      type: "counter",
      help: "Requests the gateway refused, by route and error code.",
      values: perRoute(({ route, refusals }) =>
        Object.entries(refusals).map(([code, count]) => [{ route, code }, count] as const),
      ),
    },
    {
      name: "ashlar_gateway_latency_milliseconds",
      type: "gauge",
      help: "Latency quantiles since the start.",
      values: perRoute(({ route, latencyMs }) => [
        [{ route, quantile: "0.5" }, latencyMs.p50] as const,
        [{ route, quantile: "0.99" }, latencyMs.p99] as const,
      ]),
    },
    {
      name: "ashlar_gateway_connections",
      type: "gauge",
      help: "Open connections.",
      values: [[{}, gateway.connections]],
    },
  ];
  return `${metrics.map(format).join("\n")}\n`;
}

function format({ name, type, help, values }: Metric): string {
  const lines = values.map(([labels, value]) => {
    const text = Object.entries(labels)
      .map(([key, label]) => `${key}="${escape(label)}"`)
      .join(",");
    return `${name}${text === "" ? "" : `{${text}}`} ${value}`;
  });
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines].join("\n");
}

function escape(label: string): string {
  return label.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
