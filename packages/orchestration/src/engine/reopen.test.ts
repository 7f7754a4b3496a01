import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createEngine, sqlite, workflow } from "../index.ts";

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "ashlar-retry-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it("retries a failed run: what succeeded stays, the rest is done, under the same keys", async () => {
  const done: string[] = [];
  let broken = true;
  const w = workflow("mended", { input: {} }, (w) => {
    const first = w.step("first", (_: object, { idempotencyKey }) => done.push(idempotencyKey), {});
    const second = w.step(
      "second",
      (_: object, { idempotencyKey }) => {
        done.push(idempotencyKey);
        if (broken) throw new Error("the disk is full");
        return "written";
      },
      {},
      { after: [first], retry: { application: 0 } },
    );
    return w.step("third", ({ was }: { was: string }) => `${was} and read`, { was: second });
  });
  const history = sqlite({ path: join(folder, "runs.db") });
  let id: string;
  {
    await using engine = await createEngine({ history, workflows: [w] });
    const run = await engine.start(w, {}, { idempotencyKey: "daily" });
    id = run.id;
    await expect(run.result()).rejects.toMatchObject({ code: "RUN_FAILED" });
  }
  broken = false;
  await using engine = await createEngine({ history, workflows: [w] });
  const retried = await Promise.allSettled([engine.retry(id), engine.retry(id)]);
  expect(retried.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
  const found = await engine.start(w, {}, { idempotencyKey: "daily" });
  expect(await found.result()).toBe("written and read");
  expect(done).toEqual([`${id}/first`, `${id}/second`, `${id}/second`]);
  expect(await engine.run(id)).toMatchObject({ state: "succeeded", error: undefined });
  expect((await engine.events(id)).map(({ type }) => type)).toContain("run-retried");
});

it("retries a cancelled run, and refuses one that needs none", async () => {
  const w = workflow("waits", { input: {} }, (w) =>
    w.step("wait", (_: object, { signal, attempt }) => (attempt > 1 ? attempt : untilAborted(signal)), {}),
  );
  await using engine = await createEngine({ history: sqlite({ path: join(folder, "runs.db") }), workflows: [w] });
  const run = await engine.start(w, {});
  await expect(engine.retry(run.id)).rejects.toMatchObject({ code: "RUN_NOT_RETRYABLE" });
  while ((await engine.steps(run.id))[0]?.state !== "running") await new Promise((resolve) => setTimeout(resolve, 5));
  await engine.cancel(run.id);
  const again = await engine.retry(run.id);
  expect(await again.result()).toBe(2);
  await expect(engine.retry(run.id)).rejects.toMatchObject({
    code: "RUN_NOT_RETRYABLE",
    details: { state: "succeeded" },
  });
  await expect(engine.retry("none")).rejects.toMatchObject({ code: "RUN_NOT_FOUND" });
});

const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
