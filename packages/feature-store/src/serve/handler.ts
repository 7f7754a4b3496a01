import { randomUUID } from "node:crypto";
import { isAshlarError, type Logger } from "@ashlar/core";
import type { FeatureView } from "../define/feature-view.ts";
import { resolveSelection, type View } from "../define/selection.ts";
import type { FeatureService } from "../define/service.ts";
import { featureStoreError } from "../errors.ts";
import type { NearestOptions } from "../nearest/nearest.ts";
import { arrowMedia, jsonMedia, preferredMedia } from "./accept.ts";
import { columnsToArrow } from "./columns-to-arrow.ts";
import { rowsToJson } from "./columns-to-json.ts";
import { type Asked, fromFeast, toFeast } from "./feast.ts";
import { type HandlerLimits, handlerLimits } from "./limits.ts";
import { type FoundNearest, nearestOf, nearestToJson } from "./nearest.ts";
import { openFeatureApi } from "./openapi.ts";
import type { OnlineColumns } from "./online-columns.ts";
import type { ReadRequest } from "./read.ts";
import { entityRows, featuresOf, invalid, jsonBody } from "./wire.ts";

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
  const services = options.services ?? [];
  const limits = handlerLimits(options);
  const routes: Readonly<Record<string, Route>> = {
    "POST /read": (request, id) => ownRead(context, { services, limits, id }, request),
    "POST /get-online-features": (request, id) => feastRead(context, { services, limits, id }, request),
    "POST /nearest": (request) => nearest(context, limits, request),
    "GET /openapi.json": async () => Response.json(openFeatureApi({ views: context.views, services })),
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

interface Scope {
  readonly services: readonly FeatureService[];
  readonly limits: Required<HandlerLimits>;
  readonly id: string;
}

async function ownRead(context: HandlerContext, scope: Scope, request: Request): Promise<Response> {
  const media = preferredMedia(request.headers.get("accept"));
  const body = await jsonBody(request, scope.limits);
  const { at = context.now() } = body;
  if (typeof at !== "number" || !Number.isSafeInteger(at)) throw invalid('"at" must be epoch milliseconds');
  const { views, features } = featuresOf(body, "service", context.views, scope.services);
  const entities = entityRows(views, body["entities"], scope.limits);
  const columns = await read(context, scope, { views, features, entities, at }, request.signal);
  if (media === arrowMedia) {
    return new Response(Buffer.from(columnsToArrow(columns)), { headers: { "content-type": arrowMedia } });
  }
  const types = Object.fromEntries(columns.names.map((name) => [name, columns.column(name).type]));
  const told = body["types"] === true ? `,"types":${JSON.stringify(types)}` : "";
  return json(`{"rows":${rowsToJson(columns)}${told}}`);
}

async function feastRead(context: HandlerContext, scope: Scope, request: Request): Promise<Response> {
  const body = await jsonBody(request, scope.limits);
  const asked = fromFeast(body, featuresOf(body, "feature_service", context.views, scope.services), {
    at: context.now(),
    limits: scope.limits,
  });
  return json(toFeast(body, await read(context, scope, asked, request.signal), asked.at));
}

async function nearest(context: HandlerContext, limits: Required<HandlerLimits>, request: Request): Promise<Response> {
  const { view, options, values } = nearestOf(context.views, await jsonBody(request, limits), limits);
  return json(nearestToJson(await context.nearest(view, { ...options, signal: request.signal }), values));
}

async function read(
  context: HandlerContext,
  { limits, id }: Scope,
  { views, features, entities, at }: Asked,
  signal: AbortSignal,
): Promise<OnlineColumns> {
  const { names } = resolveSelection(views, features);
  if (names.length > limits.maxFeatures) {
    throw invalid(`it asks for ${names.length} features and may for ${limits.maxFeatures}`);
  }
  return await context.read({ entities, features, at, requestId: id, signal }, views);
}

const json = (text: string): Response => new Response(text, { headers: { "content-type": jsonMedia } });

function failure(error: unknown, logger: Logger): Response {
  if (isAshlarError(error)) return Response.json({ error: error.toJSON() }, { status: error.status });
  logger.error({ error }, "a read failed");
  const message = "The features could not be read. Try again; the log of the server says why it failed.";
  return Response.json({ error: { code: "INTERNAL", message, retryable: true, details: {} } }, { status: 500 });
}
