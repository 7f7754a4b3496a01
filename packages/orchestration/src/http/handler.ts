import { isAshlarError } from "@ashlar/core";
import { Hono } from "hono";
import type { Engine } from "../engine/engine.ts";

/** A fetch-shaped handler: `GET /runs`, `GET /runs/:id`, `GET /runs/:id/events`, `POST /runs/:id/cancel`, `POST /runs/:id/retry`. */
export function workflowHandler(engine: Engine): (request: Request) => Promise<Response> {
  const app = new Hono();
  app.get("/runs", async (context) => {
    const { limit, cursor } = context.req.query();
    const page = await engine.runs({
      ...(limit === undefined ? {} : { limit: Number(limit) || 100 }),
      ...(cursor === undefined ? {} : { cursor }),
    });
    return json(page);
  });
  app.get("/runs/:id", async (context) => {
    const id = context.req.param("id");
    const [run, steps, explanation] = [await engine.run(id), await engine.steps(id), await engine.explain(id)];
    return json({ ...run, steps, explanation });
  });
  app.get("/runs/:id/events", async (context) => {
    const id = context.req.param("id");
    await engine.run(id);
    return json({ items: await engine.events(id, { after: Number(context.req.query("after") ?? 0) || 0 }) });
  });
  app.post("/runs/:id/cancel", async (context) => {
    const id = context.req.param("id");
    await engine.cancel(id);
    return json(await engine.run(id));
  });
  app.post("/runs/:id/retry", async (context) => {
    const id = context.req.param("id");
    await engine.retry(id);
    return json(await engine.run(id));
  });
  app.notFound(() => json({ code: "NOT_FOUND", message: "There is no such path. Try /runs." }, 404));
  app.onError((error) =>
    isAshlarError(error)
      ? json(error, error.status)
      : json({ code: "INTERNAL", message: "Something went wrong that is not the caller's fault." }, 500),
  );
  return async (request) => app.fetch(request);
}

/** Results may hold big integers, which JSON has no form for: they become strings. */
function json(body: unknown, status = 200): Response {
  const text = JSON.stringify(body, (_key, value: unknown) => (typeof value === "bigint" ? String(value) : value));
  return new Response(text, { status, headers: { "content-type": "application/json" } });
}
