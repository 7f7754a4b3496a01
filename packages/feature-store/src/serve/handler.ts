import { isAshlarError, type Logger } from "@ashlar/core";
import { resolveSelection, type View } from "../define/selection.ts";
import { featureStoreError } from "../errors.ts";
import { fromFeast, toFeast } from "./feast.ts";
import type { Readings, ReadRequest } from "./read.ts";
import { entityRows, featureList, invalid, jsonBody, toJson } from "./wire.ts";

export interface HandlerContext {
  readonly views: readonly View[];
  readonly read: (request: ReadRequest) => Promise<Readings[]>;
  readonly now: () => number;
  readonly logger: Logger;
}

/** Serves `POST .../read` and Feast's `POST .../get-online-features`, under whatever path it is mounted at. */
export function createHandler(context: HandlerContext): (request: Request) => Promise<Response> {
  return async (request) => {
    try {
      const path = new URL(request.url).pathname;
      if (request.method === "POST" && path.endsWith("/read")) return Response.json(await ownRead(context, request));
      if (request.method === "POST" && path.endsWith("/get-online-features")) {
        return Response.json(await feastRead(context, request));
      }
      throw featureStoreError("ROUTE_NOT_FOUND", { method: request.method, path });
    } catch (error) {
      return failure(error, context.logger);
    }
  };
}

async function ownRead({ views, read, now }: HandlerContext, request: Request): Promise<unknown> {
  const { features, entities, at = now() } = await jsonBody(request);
  if (typeof at !== "number" || !Number.isSafeInteger(at)) throw invalid('"at" must be epoch milliseconds');
  const rows = await read({
    features: featureList(features),
    entities: entityRows(views, entities),
    at,
    signal: request.signal,
  });
  return {
    rows: rows.map((row) =>
      Object.fromEntries(
        Object.entries(row).map(([name, reading]) => [name, { ...reading, value: toJson(reading.value) }]),
      ),
    ),
  };
}

async function feastRead({ views, read, now }: HandlerContext, request: Request): Promise<unknown> {
  const body = await jsonBody(request);
  const asked = fromFeast(views, body, now());
  const rows = await read({ ...asked, signal: request.signal });
  return toFeast(body, rows, resolveSelection(views, asked.features).names, asked.at);
}

function failure(error: unknown, logger: Logger): Response {
  if (isAshlarError(error)) return Response.json({ error: error.toJSON() }, { status: error.status });
  logger.error({ error }, "a read failed");
  const message = "The features could not be read. Try again; the log of the server says why it failed.";
  return Response.json({ error: { code: "INTERNAL", message, retryable: true, details: {} } }, { status: 500 });
}
