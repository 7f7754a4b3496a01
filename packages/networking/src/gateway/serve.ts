import { type AshlarError, type Clock, isAshlarError, type Logger } from "@ashlar/core";
import { networkingError } from "../errors.ts";
import { startDeadline, startTimer } from "../resilience/deadline.ts";
import { authenticate, type Identity } from "./authenticate.ts";
import { authorize } from "./authorize.ts";
import { type AdmittedExchange, type Exchange, isUnanswered } from "./exchange.ts";
import { handleInProcess } from "./handler-upstream.ts";
import { headerValue, principalHeader } from "./headers.ts";
import { forwardToPool, type UpstreamPools } from "./pool-upstream.ts";
import { addressKey } from "./rate-limit.ts";
import { sendError } from "./refuse.ts";
import { readHead, type RequestHead } from "./request-head.ts";
import { type CompiledRoute, findRoute, type RequestInfo } from "./route.ts";
import type { Tally } from "./statistics.ts";

/** A request that was let in, before it is carried out. */
export interface RequestEvent extends RequestInfo {
  /** Epoch milliseconds. */
  readonly at: number;
}

/** A request the gateway answered itself. What was not known when it was refused is undefined. */
export interface RefusalEvent extends Partial<RequestInfo> {
  readonly at: number;
  readonly address: string;
  readonly code: string;
  readonly status: number;
  readonly message: string;
}

export interface Hooks {
  /** Called before an admitted request is carried out, and awaited: when it fails, the request is refused (503). */
  readonly onRequest?: (event: RequestEvent) => void | Promise<void>;
  /** Called after a refusal was answered. Its failure is logged. */
  readonly onRefusal?: (event: RefusalEvent) => void | Promise<void>;
}

/** What all requests of one gateway share. */
export interface Scene extends Hooks {
  readonly routes: readonly CompiledRoute[];
  readonly pools: ReadonlyMap<CompiledRoute["to"], UpstreamPools>;
  readonly scheme: "http" | "https";
  readonly maxHeaders: number;
  readonly strip: ReadonlySet<string>;
  readonly isTrusted: (address: string) => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly unrouted: Tally;
}

/** Carries one request through: read, route, limit, authenticate, authorise, record, forward. Never rejects. */
export async function serve(scene: Scene, exchange: Exchange, abort: (reason: unknown) => void): Promise<void> {
  const peer = exchange.request.socket.remoteAddress ?? "";
  const known: { info: Partial<RequestInfo>; route?: CompiledRoute } = { info: {} };
  const refuse = (error: unknown): void => {
    if (!isUnanswered(exchange)) return;
    const shown = isAshlarError(error) ? error : networkingError("HANDLER_FAILED", { route: known.route?.path ?? "" });
    if (shown !== error) scene.logger.error({ error }, "a request failed");
    sendError(exchange, shown);
    if (known.route) known.route.meter.refuse(shown.code);
    else scene.unrouted.add(shown.code);
    tellRefusal(scene, { address: peer, ...known.info, at: scene.clock.now() }, shown);
  };
  try {
    const trusted = scene.isTrusted(peer);
    const head = readHead(exchange.request, { trusted, maxHeaders: scene.maxHeaders, strip: scene.strip });
    const address = clientAddress(scene, head, peer, trusted);
    known.info = { method: head.method, path: head.path, query: head.query, address };
    const found = findRoute(scene.routes, head.method, head.path);
    if (!found) throw networkingError("ROUTE_NOT_FOUND", { method: head.method, path: head.path });
    const { route, params } = found;
    known.route = route;
    measure(scene, exchange, route);
    const remainingMs = limitTime(scene, exchange, route, head, (error) => {
      abort(error);
      refuse(error);
    });
    const base = { ...known.info, route: route.path, params, principal: undefined, claims: {} } as RequestInfo;
    known.info = base;
    const info = await admit(scene, route, head, base, (seen) => (known.info = seen));
    if (exchange.signal.aborted) return;
    await carryOut(scene, Object.assign(exchange, { route, head, info, remainingMs }), peer);
  } catch (error) {
    refuse(error);
  }
}

function measure(scene: Scene, { response }: Exchange, { meter }: CompiledRoute): void {
  const begun = scene.clock.monotonic();
  meter.begin();
  response.once("close", () => {
    meter.end(response.headersSent ? response.statusCode : undefined, scene.clock.monotonic() - begun);
  });
}

function limitTime(
  scene: Scene,
  { response }: Exchange,
  route: CompiledRoute,
  head: RequestHead,
  expire: (error: AshlarError) => void,
): () => number {
  const budgetMs = Math.min(route.deadlineMs ?? Infinity, head.remainingMs ?? Infinity);
  if (budgetMs === Infinity) return () => Infinity;
  const passed = (): AshlarError => networkingError("DEADLINE_EXCEEDED", { budgetMs });
  if (budgetMs <= 0) throw passed();
  const cancel = startTimer(scene.clock, budgetMs, () => {
    expire(passed());
    // After the head there is no status left to tell it with.
    if (!response.writableEnded) response.destroy();
  });
  response.once("close", cancel);
  return startDeadline(budgetMs, scene.clock).remainingMs;
}

async function admit(
  scene: Scene,
  route: CompiledRoute,
  head: RequestHead,
  base: RequestInfo,
  seen: (info: RequestInfo) => void,
): Promise<RequestInfo> {
  const { limit } = route;
  if (limit?.by === "address") takeOne(route, addressKey(base.address));
  let info = base;
  if (route.authenticate) {
    const identity: Identity = await authenticate(route.authenticate, head.authorization, route.path, scene.logger);
    info = { ...base, principal: identity.principal, claims: identity.claims };
    seen(info);
    if (limit?.by === "principal") takeOne(route, identity.principal);
    if (route.authorize) await authorize(route.authorize, info, scene.logger);
  }
  if (head.contentLength !== undefined && head.contentLength > route.maxBodyBytes) {
    throw networkingError("BODY_TOO_LARGE", { limit: route.maxBodyBytes });
  }
  if (scene.onRequest) await record(scene, { ...info, at: scene.clock.now() });
  return info;
}

function takeOne(route: CompiledRoute, key: string): void {
  const { limiter, rate } = route.limit as NonNullable<CompiledRoute["limit"]>;
  const { allowed, retryAfterMs } = limiter.take(key);
  if (!allowed)
    throw networkingError("RATE_LIMITED", { route: route.path, rate, retryAfterMs: Math.ceil(retryAfterMs) });
}

async function record(scene: Scene, event: RequestEvent): Promise<void> {
  try {
    await scene.onRequest?.(event);
  } catch (error) {
    scene.logger.error({ route: event.route, error }, "a request could not be recorded");
    throw networkingError("AUDIT_FAILED", { route: event.route }, { cause: error });
  }
}

async function carryOut(scene: Scene, exchange: AdmittedExchange, peer: string): Promise<void> {
  const headers = upstreamHeaders(exchange, peer, scene.scheme);
  const { to } = exchange.route;
  if (typeof to === "function") await handleInProcess(exchange, to, headers, scene.scheme, scene.logger);
  else await forwardToPool(exchange, scene.pools.get(to) as UpstreamPools, headers, scene.logger);
}

function upstreamHeaders({ head, info, route }: AdmittedExchange, peer: string, scheme: string): readonly string[] {
  const headers: string[] = [];
  for (let index = 0; index < head.headers.length; index += 2) {
    const name = head.headers[index] as string;
    if (name !== "authorization" || route.forwardAuthorization) headers.push(name, head.headers[index + 1] as string);
  }
  const through = [...head.forwardedFor, peer].join(", ");
  headers.push("x-forwarded-for", through, "x-forwarded-proto", scheme, "x-forwarded-host", head.host);
  if (info.principal !== undefined) headers.push(principalHeader, headerValue(info.principal));
  return headers;
}

/** Behind trusted proxies, the nearest address that is none of them; a client can write only to its left. */
function clientAddress(scene: Scene, head: RequestHead, peer: string, trusted: boolean): string {
  if (!trusted) return peer;
  return head.forwardedFor.findLast((address) => !scene.isTrusted(address)) ?? head.forwardedFor[0] ?? peer;
}

function tellRefusal(
  scene: Scene,
  known: Partial<RequestInfo> & { at: number; address: string },
  error: AshlarError,
): void {
  if (!scene.onRefusal) return;
  const event: RefusalEvent = { ...known, code: error.code, status: error.status, message: error.message };
  const failed = (cause: unknown): void => scene.logger.error({ error: cause }, "a refusal could not be recorded");
  try {
    scene.onRefusal(event)?.catch(failed);
  } catch (cause) {
    failed(cause);
  }
}
