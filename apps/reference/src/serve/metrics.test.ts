import { expect, test } from "vitest";
import { gatewayMetrics } from "./metrics.ts";

const route = {
  route: '/a"b\\c\nd',
  requests: 3,
  inFlight: 0,
  statuses: { "2xx": 2, "5xx": 1 },
  refusals: { RATE_LIMITED: 4 },
  retries: 0,
  latencyMs: { p50: 1.5, p99: 20 },
  upstreams: [],
} as const;

test("figures are in the Prometheus text format, with labels escaped", () => {
  const text = gatewayMetrics({ routes: [route], unrouted: {}, connections: 7 });
  const label = String.raw`route="/a\"b\\c\nd"`;
  expect(text).toContain(`ashlar_gateway_responses_total{${label},status="2xx"} 2\n`);
  expect(text).toContain(`ashlar_gateway_refusals_total{${label},code="RATE_LIMITED"} 4\n`);
  expect(text).toContain(`ashlar_gateway_latency_milliseconds{${label},quantile="0.99"} 20\n`);
  expect(text).toContain("\nashlar_gateway_connections 7\n");
});

test("every line is a comment or a sample, and every metric is introduced once", () => {
  const text = gatewayMetrics({ routes: [route, { ...route, route: "/b" }], unrouted: {}, connections: 0 });
  expect(text.endsWith("\n")).toBe(true);
  const lines = text.trimEnd().split("\n");
  for (const line of lines) {
    expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{(\w+="([^"\\\n]|\\.)*",?)+\})? -?[\d.e+-]+)$/);
  }
  const introduced = lines.filter((line) => line.startsWith("# TYPE")).map((line) => line.split(" ")[2]);
  expect(new Set(introduced).size).toBe(introduced.length);
});
