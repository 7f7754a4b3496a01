import { Readable } from "node:stream";
import { type AshlarError, isAshlarError, type Logger } from "@ashlar/core";
import { Pool } from "undici";
import type { Balancer, Lease, Outcome } from "../balance/balancer.ts";
import { networkingError } from "../errors.ts";
import { deadlineHeader } from "../resilience/deadline.ts";
import { bodyPieces } from "./body.ts";
import { type AdmittedExchange, inviteBody } from "./exchange.ts";
import { type Forwarded, ForwardHandler } from "./forward-handler.ts";

/** The connections to the upstreams of one balancer. */
export interface UpstreamPools {
  readonly balancer: Balancer;
  get(url: string): Pool;
  destroy(): Promise<void>;
}

/** Opens no connection before the first request. */
export function createPools(balancer: Balancer): UpstreamPools {
  const {
    connections = 128,
    connectTimeoutMs = 2000,
    headersTimeoutMs = 30_000,
    bodyTimeoutMs = 60_000,
    tls,
  } = balancer.connection ?? {};
  const options: Pool.Options = {
    connections,
    headersTimeout: headersTimeoutMs,
    bodyTimeout: bodyTimeoutMs,
    connect: { timeout: connectTimeoutMs, ...tls },
    allowH2: false,
  };
  const pools = new Map(balancer.urls.map((url) => [url, new Pool(url, options)]));
  return {
    balancer,
    get: (url) => pools.get(url) as Pool,
    async destroy() {
      await Promise.all(Array.from(pools.values(), (pool) => pool.destroy()));
    },
  };
}

// RFC 9110 section 9.2.2.
const idempotent: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);

/**
 * Sends the request to an upstream and its response to the client, trying another one where that is safe.
 *
 * @throws UPSTREAM_UNAVAILABLE, UPSTREAM_FAILED, BODY_TOO_LARGE; nothing once the response has begun
 */
export async function forwardToPool(
  exchange: AdmittedExchange,
  pools: UpstreamPools,
  headers: readonly string[],
  logger: Logger,
): Promise<void> {
  const { route, head } = exchange;
  const repeatable = route.retry !== undefined && head.contentLength === 0 && idempotent.has(head.method);
  const attempts = repeatable ? (route.retry?.attempts as number) : 1;
  const tried = new Set<string>();
  route.retry?.budget.deposit();
  inviteBody(exchange);

  for (let attempt = 1; ; attempt += 1) {
    const lease = pools.balancer.acquire(tried);
    if (!lease) throw networkingError("UPSTREAM_UNAVAILABLE", { route: route.path });
    const spare = attempt < attempts;
    // Asked at most once for each attempt, and only when a retry is what would be done.
    const mayRetry = (): boolean => spare && !exchange.signal.aborted && (route.retry?.budget.withdraw() ?? false);
    const result = await attemptOnce(exchange, pools.get(lease.url), lease, headers, mayRetry);
    if (result.kind === "answered") return;
    if (exchange.signal.aborted) return;
    if (result.kind === "failed" && result.begun) {
      logger.warn({ route: route.path, upstream: lease.url, error: result.error }, "a response broke off");
      return;
    }
    tried.add(lease.url);
    if (result.kind === "failed" && !mayRetry()) throw failure(exchange, lease, result.error, logger);
    route.meter.retry();
  }
}

async function attemptOnce(
  exchange: AdmittedExchange,
  pool: Pool,
  lease: Lease,
  headers: readonly string[],
  mayRetry: () => boolean,
): Promise<Forwarded> {
  const { head, route } = exchange;
  const left = exchange.remainingMs();
  const sent = Number.isFinite(left) ? [...headers, deadlineHeader, String(Math.floor(left))] : [...headers];
  const body = head.contentLength === 0 ? null : Readable.from(bodyPieces(exchange.request, route.maxBodyBytes));
  const result = await new Promise<Forwarded>((resolve) => {
    const handler = new ForwardHandler(exchange, mayRetry, resolve);
    pool.dispatch({ method: head.method, path: head.path + head.query, headers: sent, body }, handler);
  });
  lease.release(outcomeOf(result, exchange.signal));
  return result;
}

function outcomeOf(result: Forwarded, signal: AbortSignal): Outcome {
  if (result.kind !== "failed") return result.status < 500 ? "success" : "failure";
  if (clientFault(result.error)) return "abandoned";
  if (signal.aborted && !isAshlarError(signal.reason, "DEADLINE_EXCEEDED")) return "abandoned";
  return "failure";
}

/** The reason lies with the client's body, not with the upstream. */
function clientFault(error: unknown): AshlarError | undefined {
  return isAshlarError(error, "BODY_TOO_LARGE") ? error : undefined;
}

function failure(exchange: AdmittedExchange, lease: Lease, error: unknown, logger: Logger): AshlarError {
  const fault = clientFault(error);
  if (fault) return fault;
  const route = exchange.route.path;
  logger.warn({ route, upstream: lease.url, error }, "an upstream failed");
  return networkingError("UPSTREAM_FAILED", { route }, { cause: error });
}
