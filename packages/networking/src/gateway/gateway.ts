import { type Clock, type Logger, silentLogger, systemClock } from "@ashlar/core";
import { networkingError } from "../errors.ts";
import { type Duration, toMilliseconds } from "../duration.ts";
import { checkedNumber } from "../option.ts";
import type { Certificates } from "./certificates.ts";
import { createListener, type ListenerLimits } from "./listener.ts";
import { createPools, type UpstreamPools } from "./pool-upstream.ts";
import { type CompiledRoute, compileRoute, type Route } from "./route.ts";
import { type Hooks, type Scene, serve } from "./serve.ts";
import { createTally, type GatewayStatistics } from "./statistics.ts";
import { trustedPeers } from "./trusted-peers.ts";

export interface GatewayOptions extends Hooks {
  /** The first that matches serves; what none takes is answered with 404. */
  readonly routes: readonly Route[];
  /** Default: plain HTTP. */
  readonly tls?: Certificates;
  /** Addresses or CIDR blocks of proxies whose forwarding and deadline headers are believed. Default: none. */
  readonly trustedProxies?: readonly string[];
  /** Further headers that only the gateway may set; clients' are removed. Default: none. */
  readonly stripHeaders?: readonly string[];
  /** Time for a client to send a whole head. Default `"10s"`. */
  readonly headersTimeout?: Duration;
  /** Time for a client to send a whole request, its body included. Default `"60s"`. */
  readonly requestTimeout?: Duration;
  /** Time a connection may wait for its next request. Default `"30s"`. */
  readonly keepAliveTimeout?: Duration;
  /** Bytes of a request's head. Default 16 KiB. */
  readonly maxHeaderBytes?: number;
  /** Fields of a request's head. Default 100. */
  readonly maxHeaders?: number;
  /** Connections at once; further ones are closed. Default 10 000. */
  readonly maxConnections?: number;
  /** Default: says nothing. */
  readonly logger?: Logger;
  /** Default: the system clock. */
  readonly clock?: Clock;
}

export interface Gateway extends AsyncDisposable {
  /**
   * Opens the port; 0 takes any free one. `host` defaults to `127.0.0.1`.
   *
   * @throws PORT_IN_USE, LISTEN_FAILED, GATEWAY_STATE
   */
  listen(options: { readonly port: number; readonly host?: string }): Promise<{ port: number; host: string }>;
  /**
   * Shows other certificates to connections from now on; the open ones go on.
   *
   * @throws CERTIFICATE_INVALID, and keeps the old ones; GATEWAY_STATE without TLS
   */
  setCertificates(certificates: Certificates): void;
  /** What happened since the start. */
  statistics(): GatewayStatistics;
  /** Takes no more connections, lets requests under way finish for `drainMs` (default 10 000), then ends. */
  close(options?: { readonly drainMs?: number }): Promise<void>;
}

/**
 * Makes a gateway; `listen` opens it.
 *
 * @throws ROUTE_INVALID, OPTION_INVALID, CERTIFICATE_INVALID
 */
export function createGateway(options: GatewayOptions): Gateway {
  const { logger = silentLogger, clock = systemClock } = options;
  const routes = options.routes.map((route) => compileRoute(route, clock));
  const limits = listenerLimits(options);
  const pools = createAllPools(routes);
  const unrouted = createTally();
  const scene: Scene = {
    routes,
    pools,
    scheme: options.tls ? "https" : "http",
    maxHeaders: limits.maxHeaders,
    strip: new Set((options.stripHeaders ?? []).map((name) => name.toLowerCase().replaceAll("_", "-"))),
    isTrusted: trustedPeers(options.trustedProxies ?? []),
    clock,
    logger,
    unrouted,
    ...(options.onRequest ? { onRequest: options.onRequest } : {}),
    ...(options.onRefusal ? { onRefusal: options.onRefusal } : {}),
  };
  const listener = createListener({
    limits,
    tls: options.tls,
    clock,
    logger,
    serve: (exchange, abort) => serve(scene, exchange, abort),
    refused: (code) => unrouted.add(code),
  });

  let closed: Promise<void> | undefined;
  const close: Gateway["close"] = async ({ drainMs = 10_000 } = {}) => {
    checkedNumber("drainMs", drainMs, { least: 0, most: 2 ** 31 - 1 });
    closed ??= (async () => {
      await listener.close(drainMs);
      await Promise.all(Array.from(pools.values(), (upstream) => upstream.destroy()));
    })();
    return closed;
  };
  return {
    async listen({ port, host = "127.0.0.1" }) {
      if (closed) throw networkingError("GATEWAY_STATE", { action: "listen", state: "closed" });
      return listener.listen(checkedNumber("port", port, { least: 0, most: 65_535, whole: true }), host);
    },
    setCertificates: (certificates) => listener.setCertificates(certificates),
    statistics: () => ({
      routes: routes.map((route) => route.meter.read(pools.get(route.to)?.balancer.statistics() ?? [])),
      unrouted: unrouted.read(),
      connections: listener.connections(),
    }),
    close,
    [Symbol.asyncDispose]: () => close(),
  };
}

function createAllPools(routes: readonly CompiledRoute[]): Map<CompiledRoute["to"], UpstreamPools> {
  const pools = new Map<CompiledRoute["to"], UpstreamPools>();
  for (const { to } of routes) if (typeof to !== "function" && !pools.has(to)) pools.set(to, createPools(to));
  return pools;
}

function listenerLimits(options: GatewayOptions): ListenerLimits {
  const headersTimeoutMs = toMilliseconds(options.headersTimeout ?? "10s", "headersTimeout");
  const requestTimeoutMs = toMilliseconds(options.requestTimeout ?? "60s", "requestTimeout");
  return {
    headersTimeoutMs: Math.min(headersTimeoutMs, requestTimeoutMs),
    requestTimeoutMs,
    keepAliveTimeoutMs: toMilliseconds(options.keepAliveTimeout ?? "30s", "keepAliveTimeout"),
    maxHeaderBytes: checkedNumber("maxHeaderBytes", options.maxHeaderBytes ?? 16_384, { least: 1024, whole: true }),
    maxHeaders: checkedNumber("maxHeaders", options.maxHeaders ?? 100, { least: 1, whole: true }),
    maxConnections: checkedNumber("maxConnections", options.maxConnections ?? 10_000, { least: 1, whole: true }),
  };
}
