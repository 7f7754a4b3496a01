import { type ErrorFactory, errorFactory } from "@ashlar/core";

/** Every error this package throws on purpose; the ones with a client's status are also what the gateway answers. */
export const networkingErrors = {
  OPTION_INVALID: {
    status: 500,
    retryable: false,
    message: (d: { option: string; value: string; rule: string }): string =>
      `The option "${d.option}" is ${d.value}, but it must be ${d.rule}. Correct it; nothing was started.`,
  },
  ROUTE_INVALID: {
    status: 500,
    retryable: false,
    message: (d: { path: string; problem: string; remedy: string }): string =>
      `The route "${d.path}" cannot be served: ${d.problem}. ${d.remedy}`,
  },
  CERTIFICATE_INVALID: {
    status: 500,
    retryable: false,
    message: (d: { reason: string }): string =>
      `The certificate cannot be used: ${d.reason}. Give a PEM chain with its own key; the one in use was kept.`,
  },
  GATEWAY_STATE: {
    status: 500,
    retryable: false,
    message: (d: { action: string; state: string }): string =>
      `The gateway cannot ${d.action}, because it is ${d.state}. Make a new one with createGateway.`,
  },
  PORT_IN_USE: {
    status: 500,
    retryable: true,
    message: (d: { port: number; host: string }): string =>
      `Port ${d.port} on ${d.host} is in use by another process. Stop that process, or listen on another port (0 takes any free one).`,
  },
  LISTEN_FAILED: {
    status: 500,
    retryable: false,
    message: (d: { port: number; host: string; reason: string }): string =>
      `The gateway cannot listen on ${d.host}, port ${d.port}: ${d.reason}. Choose an address of this machine and a port it may open.`,
  },
  REQUEST_MALFORMED: {
    status: 400,
    retryable: false,
    message: (d: { problem: string }): string => `The request was refused: ${d.problem}. Send it in canonical form.`,
  },
  REQUEST_TIMEOUT: {
    status: 408,
    retryable: true,
    message: (d: { limit: string }): string => `The request did not arrive within ${d.limit}. Send it faster.`,
  },
  BODY_TOO_LARGE: {
    status: 413,
    retryable: false,
    message: (d: { limit: number }): string =>
      `The body has more than the ${d.limit} bytes this route takes. Send less, or raise maxBodyBytes of the route.`,
  },
  EXPECTATION_FAILED: {
    status: 417,
    retryable: false,
    message: (d: { expectation: string }): string =>
      `The expectation ${JSON.stringify(d.expectation)} cannot be met. Only "100-continue" is known.`,
  },
  HEADERS_TOO_LARGE: {
    status: 431,
    retryable: false,
    message: (d: { limit: string }): string =>
      `The head of the request exceeds ${d.limit}. Send fewer or shorter headers.`,
  },
  ROUTE_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: (d: { method: string; path: string }): string =>
      `No route takes ${d.method} ${d.path}. Check the method and the path.`,
  },
  UNAUTHENTICATED: {
    status: 401,
    retryable: false,
    message: (d: { reason: string }): string =>
      `The caller is not known: ${d.reason}. Send a valid token as "Authorization: Bearer ...".`,
  },
  VERIFIER_FAILED: {
    status: 503,
    retryable: true,
    message: (d: { route: string }): string =>
      `The token could not be checked for ${d.route}, so the request was refused. Try again later.`,
  },
  FORBIDDEN: {
    status: 403,
    retryable: false,
    message: (d: { principal: string; action: string; resource: string; explanation: string }): string =>
      `Refused: ${d.explanation} Ask for the permission, or use another identity.`,
  },
  AUDIT_FAILED: {
    status: 503,
    retryable: true,
    message: (d: { route: string }): string =>
      `The request to ${d.route} could not be recorded, so it was not carried out. Try again later.`,
  },
  RATE_LIMITED: {
    status: 429,
    retryable: true,
    message: (d: { route: string; rate: string; retryAfterMs: number }): string =>
      `More than ${d.rate} requests were sent to ${d.route}. Wait ${Math.ceil(d.retryAfterMs)} ms before the next.`,
  },
  HANDLER_FAILED: {
    status: 500,
    retryable: false,
    message: (d: { route: string }): string => `The handler of ${d.route} failed. Its error is in the gateway's log.`,
  },
  UPSTREAM_FAILED: {
    status: 502,
    retryable: true,
    message: (d: { route: string }): string =>
      `The upstream of ${d.route} gave no valid response. Try again; the gateway's log has the cause.`,
  },
  UPSTREAM_UNAVAILABLE: {
    status: 503,
    retryable: true,
    message: (d: { route: string }): string =>
      `Every upstream of ${d.route} is ejected after failures. Try again later.`,
  },
  DEADLINE_EXCEEDED: {
    status: 504,
    retryable: true,
    message: (d: { budgetMs: number }): string =>
      `The work was not done within its ${Math.round(d.budgetMs)} ms. Give it more time, or ask for less.`,
  },
  BREAKER_OPEN: {
    status: 503,
    retryable: true,
    message: (d: { retryAfterMs: number }): string =>
      `The call was not made, because the ones before it failed. The next trial is in ${Math.ceil(d.retryAfterMs)} ms.`,
  },
} as const;

/** @see networkingErrors */
export const networkingError: ErrorFactory<typeof networkingErrors> = errorFactory("networking", networkingErrors);
