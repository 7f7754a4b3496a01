import type { Clock } from "@ashlar/core";
import type { Balancer } from "../balance/balancer.ts";
import { type Duration, toMilliseconds } from "../duration.ts";
import { networkingError } from "../errors.ts";
import { checkedNumber } from "../option.ts";
import { type RetryBudget, retryBudget } from "../resilience/retry-budget.ts";
import type { Identity, TokenVerifier } from "./authenticate.ts";
import type { Authorization } from "./authorize.ts";
import { compilePath, type PathParams } from "./path-pattern.ts";
import { type Rate, type RateLimiter, rateLimiter } from "./rate-limit.ts";
import { createRouteMeter, type RouteMeter } from "./statistics.ts";

/** What is known of a request once its route is found. */
export interface RequestInfo {
  /** The path pattern of the route. */
  readonly route: string;
  readonly method: string;
  /** Canonical: exactly what an upstream gets. */
  readonly path: string;
  /** With its leading `?`, or empty. */
  readonly query: string;
  /** The `:name` segments, percent-decoded. */
  readonly params: PathParams;
  /** The client; behind trusted proxies, the nearest address that is none of them. */
  readonly address: string;
  /** Undefined on a route without `authenticate`. */
  readonly principal: string | undefined;
  readonly claims: Identity["claims"];
}

/** What a handler gets beside the request. */
export interface HandlerContext extends RequestInfo {
  /** Aborted when the client goes away, the deadline passes, or the gateway ends its drain. */
  readonly signal: AbortSignal;
  /** Milliseconds left; Infinity on a route without deadline. */
  remainingMs(): number;
}

/** An upstream in this process, fetch-shaped: a hono app's `fetch` is one. */
export type Handler = (request: Request, context: HandlerContext) => Response | Promise<Response>;

export interface RouteLimit {
  /** Requests for each second, minute or hour, of each key. */
  readonly rate: Rate;
  /** Requests that may come at once after a pause. Default: the count of the rate. */
  readonly burst?: number;
  /** `address` counts before authentication; an IPv6 client is its /64. `principal` counts after it. */
  readonly by: "principal" | "address";
  /** Keys remembered at once. Default 100 000. */
  readonly capacity?: number;
}

export interface Route {
  /** `/v2/**`, `/models/:model/infer`, `/health`. The first route that matches serves. */
  readonly path: string;
  /** Default: every method but CONNECT and TRACE. */
  readonly methods?: readonly string[];
  readonly to: Balancer | Handler;
  /** Default: everyone may call. The `Authorization` field is then not passed on; see `forwardAuthorization`. */
  readonly authenticate?: TokenVerifier;
  /** Needs `authenticate`. */
  readonly authorize?: Authorization;
  readonly limit?: RouteLimit;
  /** Time for the whole request, retries included. Default: none. */
  readonly deadline?: Duration;
  /** Retries of idempotent requests without a body, on another upstream when there is one. Default: none. */
  readonly retry?: {
    /** Retries for each request, 0 to 1. */
    readonly budget: number;
    /** Tries of one request, the first included. Default 2. */
    readonly attempts?: number;
    /** Retries that may be made before requests have paid for them. Default 10. */
    readonly reserve?: number;
  };
  /** Default 16 MiB. */
  readonly maxBodyBytes?: number;
  /** Passes the verified token on to the upstream. Default false. */
  readonly forwardAuthorization?: boolean;
}

/** A route that was checked, with its state. */
export interface CompiledRoute {
  readonly path: string;
  readonly methods: ReadonlySet<string> | undefined;
  readonly match: (path: string) => PathParams | undefined;
  readonly to: Balancer | Handler;
  readonly authenticate: TokenVerifier | undefined;
  readonly authorize: Authorization | undefined;
  readonly limit: (RouteLimit & { readonly limiter: RateLimiter }) | undefined;
  readonly deadlineMs: number | undefined;
  readonly retry: { readonly budget: RetryBudget; readonly attempts: number } | undefined;
  readonly maxBodyBytes: number;
  readonly forwardAuthorization: boolean;
  readonly meter: RouteMeter;
}

/** @throws ROUTE_INVALID, OPTION_INVALID */
export function compileRoute(route: Route, clock: Clock): CompiledRoute {
  const match = compilePath(route.path);
  const fail = (problem: string, remedy: string): never => {
    throw networkingError("ROUTE_INVALID", { path: route.path, problem, remedy });
  };
  const isUpstream = typeof route.to === "function" || typeof route.to?.acquire === "function";
  if (!isUpstream) fail("it has no upstream", `Set "to" to a handler or to balance.leastLoaded([...]).`);
  if (route.authorize && !route.authenticate) fail("it authorises nobody", "Give it authenticate as well.");
  if (route.limit && !/^(?:principal|address)$/.test(route.limit.by)) {
    fail("its limit counts by nothing known", `Set by to "principal" or "address".`);
  }
  if (route.limit?.by === "principal" && !route.authenticate) {
    fail("its limit counts by principal, but it authenticates nobody", `Give it authenticate, or limit by "address".`);
  }
  if (route.methods?.some((method) => !/^[A-Z]+$/.test(method)) || route.methods?.length === 0) {
    fail("its methods are not upper-case method names", `Write them such as ["GET", "POST"].`);
  }
  return {
    path: route.path,
    methods: route.methods && new Set(route.methods),
    match,
    to: route.to,
    authenticate: route.authenticate,
    authorize: route.authorize,
    limit: route.limit && { ...route.limit, limiter: rateLimiter({ ...route.limit, clock }) },
    deadlineMs: route.deadline === undefined ? undefined : toMilliseconds(route.deadline, "deadline"),
    retry: route.retry && compileRetry(route.retry),
    maxBodyBytes: checkedNumber("maxBodyBytes", route.maxBodyBytes ?? 16 * 1024 * 1024, { least: 0, whole: true }),
    forwardAuthorization: route.forwardAuthorization ?? !route.authenticate,
    meter: createRouteMeter(route.path),
  };
}

function compileRetry({ budget, attempts = 2, reserve = 10 }: NonNullable<Route["retry"]>): CompiledRoute["retry"] {
  return {
    budget: retryBudget({ ratio: budget, reserve }),
    attempts: checkedNumber("retry.attempts", attempts, { least: 1, most: 10, whole: true }),
  };
}

/** The first route that takes the request. */
export function findRoute(
  routes: readonly CompiledRoute[],
  method: string,
  path: string,
): { readonly route: CompiledRoute; readonly params: PathParams } | undefined {
  for (const route of routes) {
    if (route.methods && !route.methods.has(method)) continue;
    const params = route.match(path);
    if (params) return { route, params };
  }
  return undefined;
}
