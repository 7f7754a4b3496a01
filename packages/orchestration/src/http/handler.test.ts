import { describe, expect, it } from "vitest";
import { createEngine, sqlite, workflow, workflowHandler } from "../index.ts";

describe("workflowHandler", () => {
  it("shows runs, their steps and events, and pages them", async () => {
    const w = workflow("w", { input: {} }, (w) => w.step("s", () => 2n ** 60n, {}));
    await using engine = await createEngine({ history: sqlite({ path: ":memory:" }), workflows: [w] });
    const ids: string[] = [];
    for (let i = 0; i < 3; i++) {
      const run = await engine.start(w, {});
      await run.result();
      ids.push(run.id);
    }
    const handler = workflowHandler(engine);
    const get = async (path: string): Promise<Record<string, unknown>> =>
      (await (await handler(new Request(`http://localhost${path}`))).json()) as Record<string, unknown>;

    const first = await get("/runs?limit=2");
    const second = await get(`/runs?limit=2&cursor=${String(first["next"])}`);
    const items = [...(first["items"] as { id: string }[]), ...(second["items"] as { id: string }[])];
    expect(items.map(({ id }) => id).sort()).toEqual(ids.sort());
    expect(second["next"]).toBeUndefined();

    const id = ids[0] ?? "";
    expect(await get(`/runs/${id}`)).toMatchObject({
      state: "succeeded",
      output: String(2n ** 60n),
      steps: [{ name: "s" }],
    });
    expect((await get(`/runs/${id}/events`))["items"]).toHaveLength(4);
    expect(await get("/runs/none")).toMatchObject({ code: "RUN_NOT_FOUND" });
    expect((await handler(new Request("http://localhost/runs/none"))).status).toBe(404);
    expect(await get("/runs?cursor=x")).toMatchObject({ code: "INVALID_CURSOR" });
    expect((await handler(new Request("http://localhost/nothing"))).status).toBe(404);
    const cancelled = await handler(new Request(`http://localhost/runs/${id}/cancel`, { method: "POST" }));
    expect(await cancelled.json()).toMatchObject({ state: "succeeded" });
  });
});
