export type { Balancer, ConnectionOptions, Lease, Outcome, UpstreamStatistics } from "./balance/balancer.ts";
export type { LeastLoadedOptions } from "./balance/least-loaded.ts";
export type { OutlierOptions } from "./balance/outlier.ts";
export * as balance from "./balance/index.ts";
export type { Duration } from "./duration.ts";
export { networkingError, networkingErrors } from "./errors.ts";
export type { Identity, TokenVerifier } from "./gateway/authenticate.ts";
export type { Asked, Authorization } from "./gateway/authorize.ts";
export { type CanonicalResult, type CanonicalTarget, canonicalTarget } from "./gateway/canonical-path.ts";
export type { Certificates } from "./gateway/certificates.ts";
export { createGateway, type Gateway, type GatewayOptions } from "./gateway/gateway.ts";
export { principalHeader } from "./gateway/headers.ts";
export type { PathParams } from "./gateway/path-pattern.ts";
export {
  type Rate,
  type RateDecision,
  type RateLimiter,
  rateLimiter,
  type RateLimiterOptions,
} from "./gateway/rate-limit.ts";
export type { Handler, HandlerContext, RequestInfo, Route, RouteLimit } from "./gateway/route.ts";
export type { Hooks, RefusalEvent, RequestEvent } from "./gateway/serve.ts";
export type { GatewayStatistics, RouteStatistics } from "./gateway/statistics.ts";
export {
  type Breaker,
  type BreakerOptions,
  type BreakerState,
  createBreaker,
  type Permit,
} from "./resilience/breaker.ts";
export { deadlineHeader, parseDeadline } from "./resilience/deadline.ts";
export {
  type AttemptContext,
  type CallOptions,
  resilience,
  type ResilienceOptions,
  type Resilient,
  type RetryOptions,
} from "./resilience/resilience.ts";
export { type RetryBudget, retryBudget, type RetryBudgetOptions } from "./resilience/retry-budget.ts";
