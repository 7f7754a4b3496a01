import type { UpstreamStatistics } from "../balance/balancer.ts";
import { createHistogram } from "./histogram.ts";

export interface RouteStatistics {
  readonly route: string;
  readonly requests: number;
  readonly inFlight: number;
  /** Responses by status class: `2xx`, `4xx` ...; `aborted` when the client went away before the head. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Requests the gateway answered itself, by error code. */
  readonly refusals: Readonly<Record<string, number>>;
  readonly retries: number;
  /** Milliseconds from the head of the request to the end of the response, to within 5 %. */
  readonly latencyMs: { readonly p50: number; readonly p99: number };
  /** Empty when the route leads to a handler. */
  readonly upstreams: readonly UpstreamStatistics[];
}

export interface GatewayStatistics {
  readonly routes: readonly RouteStatistics[];
  /** Requests that reached no route, by error code. */
  readonly unrouted: Readonly<Record<string, number>>;
  readonly connections: number;
}

/** Counts what happens on one route. */
export interface RouteMeter {
  begin(): void;
  /** @param status of the response; undefined when there was none */
  end(status: number | undefined, milliseconds: number): void;
  refuse(code: string): void;
  retry(): void;
  read(upstreams: readonly UpstreamStatistics[]): RouteStatistics;
}

export function createRouteMeter(route: string): RouteMeter {
  const statuses = createTally();
  const refusals = createTally();
  const latency = createHistogram();
  let requests = 0;
  let inFlight = 0;
  let retries = 0;
  return {
    begin() {
      requests += 1;
      inFlight += 1;
    },
    end(status, milliseconds) {
      inFlight -= 1;
      statuses.add(status === undefined ? "aborted" : `${Math.floor(status / 100)}xx`);
      latency.record(milliseconds);
    },
    refuse: (code) => refusals.add(code),
    retry() {
      retries += 1;
    },
    read: (upstreams) => ({
      route,
      requests,
      inFlight,
      statuses: statuses.read(),
      refusals: refusals.read(),
      retries,
      latencyMs: { p50: latency.quantile(0.5), p99: latency.quantile(0.99) },
      upstreams,
    }),
  };
}

export interface Tally {
  add(name: string): void;
  read(): Readonly<Record<string, number>>;
}

export function createTally(): Tally {
  const counts = new Map<string, number>();
  return {
    add(name) {
      counts.set(name, (counts.get(name) ?? 0) + 1);
    },
    read: () => Object.fromEntries(counts),
  };
}
