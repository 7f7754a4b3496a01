import { isAshlarError, type PageRequest } from "@ashlar/core";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import type { LineageOptions } from "../lineage/graph.ts";
import { invalid } from "../name.ts";
import type { ModelRegistry } from "../registry.ts";
import { bundleMediaType } from "../signature/bundle.ts";
import { promotionOf } from "./promotion.ts";

export interface RegistryHandlerOptions {
  /**
   * Says who sent a request, after the mounting server has authenticated it. A `by` in the body that names somebody
   * else is then refused. @default the `by` of the body is believed
   */
  readonly identify?: (request: Request) => string | Promise<string>;
}

const maxBody = 1024 * 1024;

/**
 * A fetch-shaped handler:
 *
 * - `GET /models`, `/models/:name`, `/models/:name/versions`, `/models/:name/versions/:number`
 * - `GET /models/:name/versions/:number/signature`, the Sigstore bundle
 * - `GET /models/:name/aliases`, `/models/:name/aliases/:alias/history`
 * - `GET /lineage?node=kind:id&direction=upstream&depth=10&limit=1000`
 * - `POST /models/:name/aliases/:alias` with `{ to, expected, by, gates, approvals, reason, idempotencyKey }`
 *
 * Lists take `limit` and `cursor`. Errors are `{ code, message, details }` with the status of the error table.
 */
export function registryHandler(
  registry: ModelRegistry,
  options: RegistryHandlerOptions = {},
): (request: Request) => Promise<Response> {
  const app = new Hono();
  app.get("/models", async ({ req }) => Response.json(await registry.models(pageRequest(req.query()))));
  app.get("/models/:name", async ({ req }) => Response.json(await registry.model(req.param("name"))));
  app.get("/models/:name/versions", async ({ req }) =>
    Response.json(await registry.versions(req.param("name"), pageRequest(req.query()))),
  );
  app.get("/models/:name/versions/:number", async ({ req }) =>
    Response.json(await registry.get(`${req.param("name")}/${req.param("number")}`)),
  );
  app.get("/models/:name/versions/:number/signature", async ({ req }) => {
    const bundle = await registry.signature(req.param("name"), Number(req.param("number")));
    return new Response(new Uint8Array(bundle), { headers: { "content-type": bundleMediaType } });
  });
  app.get("/models/:name/aliases", async ({ req }) => Response.json(await registry.aliases(req.param("name"))));
  app.get("/models/:name/aliases/:alias/history", async ({ req }) =>
    Response.json(await registry.aliasHistory(req.param("name"), req.param("alias"), pageRequest(req.query()))),
  );
  app.get("/lineage", async ({ req }) => {
    const { node = "", ...query } = req.query();
    return Response.json(await registry.lineage(node, lineageOptions(query)));
  });
  const limited = bodyLimit({
    maxSize: maxBody,
    onError: () => failure("BODY_TOO_LARGE", "The body is larger than 1 MiB.", 413),
  });
  app.post("/models/:name/aliases/:alias", limited, async ({ req }) => {
    const identity = await options.identify?.(req.raw);
    const promotion = promotionOf(req.param("alias"), await bodyOf(req.raw), identity);
    return Response.json(await registry.promote(req.param("name"), promotion));
  });
  app.notFound(() => failure("NOT_FOUND", "There is no such path. Try /models.", 404));
  app.onError((error) =>
    isAshlarError(error)
      ? Response.json(error, { status: error.status })
      : failure("INTERNAL", "Something went wrong that is not the caller's fault.", 500),
  );
  return async (request) => app.fetch(request);
}

/** A type that a form of another site cannot send without asking first. */
async function bodyOf(request: Request): Promise<unknown> {
  const type = request.headers.get("content-type") ?? "";
  if (!/^application\/json\s*(;|$)/i.test(type)) throw invalid("content type", type, "it must be application/json");
  try {
    return await request.json();
  } catch {
    throw invalid("body", "of the request", "it must be JSON");
  }
}

function pageRequest({ limit, cursor }: Record<string, string | undefined>): PageRequest {
  return { ...(limit === undefined ? {} : { limit: Number(limit) }), ...(cursor === undefined ? {} : { cursor }) };
}

function lineageOptions({ direction, depth, limit }: Record<string, string | undefined>): LineageOptions {
  if (direction !== undefined && direction !== "upstream" && direction !== "downstream") {
    throw invalid("lineage direction", direction, 'it must be "upstream" or "downstream"');
  }
  return {
    ...(direction === undefined ? {} : { direction }),
    ...(depth === undefined ? {} : { depth: Number(depth) }),
    ...(limit === undefined ? {} : { limit: Number(limit) }),
  };
}

function failure(code: string, message: string, status: number): Response {
  return Response.json({ code, message, details: {} }, { status });
}
