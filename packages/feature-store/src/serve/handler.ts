import { randomUUID } from "node:crypto";
import { isAshlarError, type Logger } from "@ashlar/core";
import type { FeatureView } from "../define/feature-view.ts";
import type { View } from "../define/selection.ts";
import type { FeatureService } from "../define/service.ts";
import { isMoment } from "../define/value-type.ts";
import { featureStoreError } from "../errors.ts";
import type { NearestOptions } from "../nearest/nearest.ts";
import { arrowMedia, jsonMedia, preferredMedia } from "./accept.ts";
import { columnsToArrow } from "./columns-to-arrow.ts";
import { rowsToJson } from "./columns-to-json.ts";
import { fromFeast, toFeast } from "./feast.ts";
import { type HandlerLimits, handlerLimits } from "./limits.ts";
import { type FoundNearest, nearestOf, nearestToJson } from "./nearest.ts";
import { openFeatureApi } from "./openapi.ts";
import type { OnlineColumns } from "./online-columns.ts";
import type { ReadRequest } from "./read.ts";
import { entityRows, featuresOf, invalid, jsonBody, type Scope } from "./wire.ts";

export interface HandlerOptions extends HandlerLimits {
  /** Services that may be asked for by name; default none. */
  readonly services?: readonly FeatureService[];
}

export interface HandlerContext {
  readonly views: readonly View[];
  readonly read: (request: ReadRequest, views: readonly View[]) => Promise<OnlineColumns>;
  readonly nearest: (view: FeatureView, options: NearestOptions) => Promise<FoundNearest>;
  readonly now: () => number;
  readonly logger: Logger;
}

type Route = (request: Request, requestId: string) => Promise<Response>;

const requestIdHeader = "x-request-id";

/**
 * Serves `POST .../read`, `POST .../nearest`, Feast's `POST .../get-online-features` and `GET .../openapi.json`, under whatever
 * path it is mounted at. Every answer has an `x-request-id`, that of the request if it has one: the id of the read in logs.
 */
export function createHandler(
  context: HandlerContext,
  options: HandlerOptions,
): (request: Request) => Promise<Response> {
  const { views } = context;
  const services = options.services ?? [];
  const scope: Scope = { views, services, limits: handlerLimits(options) };
  const routes: Readonly<Record<string, Route>> = {
    "POST /read": (request, id) => ownRead(context, scope, request, id),
    "POST /get-online-features": (request, id) => feastRead(context, scope, request, id),
    "POST /nearest": (request) => nearest(context, scope.limits, request),
    "GET /openapi.json": async () => Response.json(openFeatureApi({ views, services })),
  };
  return async (request) => {
    const given = request.headers.get(requestIdHeader) ?? "";
    const id = /^[\x21-\x7e][\x20-\x7e]{0,199}$/.test(given) ? given : randomUUID();
    const response = await answer(routes, request, id).catch((error: unknown) => failure(error, context.logger));
    response.headers.set(requestIdHeader, id);
    return response;
  };
}

async function answer(routes: Readonly<Record<string, Route>>, request: Request, id: string): Promise<Response> {
  const { method, url } = request;
  const path = new URL(url).pathname;
  const route = routes[`${method} /${path.slice(path.lastIndexOf("/") + 1)}`];
  if (route === undefined) throw featureStoreError("ROUTE_NOT_FOUND", { method, path });
  return await route(request, id);
}

async function ownRead(context: HandlerContext, scope: Scope, request: Request, id: string): Promise<Response> {
  const media = preferredMedia(request.headers.get("accept"));
  const body = await jsonBody(request, scope.limits);
  const { at = context.now() } = body;
  if (!Number.isSafeInteger(at) || !isMoment(at))
    throw invalid('"at" must be epoch milliseconds, of the years 1684 to 2255');
  const { features: listed, service } = body;
  if (listed !== undefined && service !== undefined) throw invalid('it has both "features" and "service"');
  const asked = featuresOf(listed, service, scope);
  const { views, features } = asked;
  const entities = entityRows(asked, body["entities"], scope.limits);
  const columns = await context.read({ entities, features, at, requestId: id, signal: request.signal }, views);
  if (media === arrowMedia) {
    return new Response(Buffer.from(columnsToArrow(columns)), { headers: { "content-type": arrowMedia } });
  }
  const types = Object.fromEntries(columns.names.map((name) => [name, columns.column(name).type]));
  const told = body["types"] === true ? `,"types":${JSON.stringify(types)}` : "";
  return json(`{"rows":${rowsToJson(columns)}${told}}`);
}

async function feastRead(context: HandlerContext, scope: Scope, request: Request, id: string): Promise<Response> {
  const at = context.now();
  const { views, features, entities, answer } = fromFeast(await jsonBody(request, scope.limits), scope);
  const columns = await context.read({ entities, features, at, requestId: id, signal: request.signal }, views);
  return json(toFeast(columns, answer, at));
}

async function nearest(context: HandlerContext, limits: Required<HandlerLimits>, request: Request): Promise<Response> {
  const { view, options, values } = nearestOf(context.views, await jsonBody(request, limits), limits);
  return json(nearestToJson(await context.nearest(view, { ...options, signal: request.signal }), values));
}

const json = (text: string, status: number = 200): Response =>
  new Response(text, { status, headers: { "content-type": jsonMedia } });

function failure(error: unknown, logger: Logger): Response {
  if (isAshlarError(error)) return json(JSON.stringify({ error: error.toJSON() }, briefly), error.status);
  logger.error({ error }, "a read failed");
  const message = "The features could not be read. Try again; the log of the server says why it failed.";
  return json(JSON.stringify({ error: { code: "INTERNAL", message, retryable: true, details: {} } }), 500);
}

/** What was given, in the details of an error: it is no reason to send it all back. */
function briefly(_: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  return typeof value === "string" && value.length > 1_000 ? `${value.slice(0, 1_000)}...` : value;
}
