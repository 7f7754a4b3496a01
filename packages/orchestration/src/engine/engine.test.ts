import { memoryLineageSink } from "@ashlar/core/memory";
import { openSqlite } from "@ashlar/core/sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  createEngine,
  type EngineOptions,
  sqlite,
  type Workflow,
  type WorkflowDefinition,
  workflow,
} from "../index.ts";
import { backoff } from "./retry.ts";

const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe("engine", () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "ashlar-engine-"));
    path = join(folder, "runs.db");
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const engine = (workflows: readonly WorkflowDefinition[], options: Partial<EngineOptions> = {}) =>
    createEngine({ history: sqlite({ path }), workflows, random: () => 0, ...options });

  it("carries values from step to step and out", async () => {
    const w = workflow("sum", { input: { a: "number", tags: "json" } }, (w) => {
      const double = w.step("double", ({ n }: { n: number }) => ({ n: n * 2, at: new Date(7), big: 2n ** 64n }), {
        n: w.input.a,
      });
      const add = w.step("add", ({ parts }: { parts: readonly number[] }) => parts.reduce((x, y) => x + y, 0), {
        parts: [double.n, w.input.a, 1],
      });
      return { add, at: double.at, big: double.big };
    });
    await using running = await engine([w]);
    const run = await running.start(w, { a: 5, tags: ["x"] });
    expect(await run.result()).toEqual({ add: 16, at: new Date(7), big: 2n ** 64n });
    expect(await running.run(run.id)).toMatchObject({ state: "succeeded", workflow: "sum" });
    expect((await running.events(run.id)).map(({ type, step }) => [type, step])).toEqual([
      ["run-started", undefined],
      ["step-started", "double"],
      ["step-succeeded", "double"],
      ["step-started", "add"],
      ["step-succeeded", "add"],
      ["run-succeeded", undefined],
    ]);
  });

  it("runs independent steps together, at most as many as allowed", async () => {
    let active = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      most = Math.max(most, ++active);
      await later(20);
      active -= 1;
    };
    const w = workflow("wide", { input: {} }, (w) => {
      for (let i = 0; i < 6; i++) w.step(`s${i}`, work, {});
    });
    await using running = await engine([w], { concurrency: 3 });
    await (await running.start(w, {})).result();
    expect(most).toBe(3);
  });

  it("tries a failed step again, and fails the run when its budget is used up", async () => {
    let calls = 0;
    const flaky = ({ until }: { until: number }): number => {
      if (++calls < until) throw new Error(`attempt ${calls}`);
      return calls;
    };
    const w = workflow("flaky", { input: { until: "number" } }, (w) => {
      const first = w.step("flaky", flaky, { until: w.input.until }, { retry: { application: 2 } });
      w.step("never", ({ n }: { n: number }) => n, { n: first });
      return first;
    });
    await using running = await engine([w]);
    expect(await (await running.start(w, { until: 3 })).result()).toBe(3);

    calls = 0;
    const failed = await running.start(w, { until: 9 });
    await expect(failed.result()).rejects.toMatchObject({
      code: "RUN_FAILED",
      details: { step: "flaky", reason: "attempt 3" },
    });
    expect(await running.explain(failed.id)).toEqual([
      "flaky: failed after 3 attempts: attempt 3",
      'never: not run: the step "flaky" failed',
    ]);
  });

  it("does not try again what says it cannot succeed", async () => {
    let calls = 0;
    const refuse = (): never => {
      calls += 1;
      throw Object.assign(new Error("forbidden"), { retryable: false });
    };
    const w = workflow("final", { input: {} }, (w) => void w.step("refuse", refuse, {}, { retry: { application: 5 } }));
    await using running = await engine([w]);
    await expect((await running.start(w, {})).result()).rejects.toMatchObject({ code: "RUN_FAILED" });
    expect(calls).toBe(1);
  });

  const untold = {
    toString: () => {
      throw new Error("cannot be shown");
    },
  };
  it.for([
    ["undefined", undefined],
    ["null", null],
    ["a number", 7],
    ["a string", "text"],
    ["what cannot be shown", untold],
  ] as const)("survives a step that throws %s", async ([, thrown]) => {
    const w = workflow(
      "odd",
      { input: {} },
      (w) =>
        void w.step(
          "odd",
          () => {
            throw thrown;
          },
          {},
        ),
    );
    await using running = await engine([w]);
    await expect((await running.start(w, {})).result()).rejects.toMatchObject({ code: "RUN_FAILED" });
  });

  it("cancels a run, even when its step ignores the signal, and starts nothing after", async () => {
    let aborted = false;
    let after = false;
    const deaf = async (_: unknown, { signal }: { signal: AbortSignal }): Promise<void> => {
      signal.addEventListener("abort", () => (aborted = true));
      await later(5_000);
    };
    const w = workflow("long", { input: {} }, (w) => {
      const first = w.step("deaf", deaf, {});
      w.step("after", () => void (after = true), {}, { after: [first] });
    });
    await using running = await engine([w]);
    const run = await running.start(w, {});
    await later(30);
    await running.cancel(run.id);
    await expect(run.result()).rejects.toMatchObject({ code: "RUN_CANCELLED" });
    expect([aborted, after]).toEqual([true, false]);
    expect((await running.steps(run.id)).map(({ state }) => state)).toEqual(["cancelled", "cancelled"]);
    await expect(running.cancel("none")).rejects.toMatchObject({ code: "RUN_NOT_FOUND" });
  });

  it("cancels during a retry's wait", async () => {
    const w = workflow(
      "w",
      { input: {} },
      (w) =>
        void w.step(
          "fails",
          () => {
            throw new Error("no");
          },
          {},
          { retry: { application: 5, initial: "1d", max: "1d" } },
        ),
    );
    await using running = await engine([w], { random: () => 0.99 });
    const run = await running.start(w, {});
    await later(50);
    expect((await running.explain(run.id))[0]).toMatch(/attempt 1 failed \(no\); the next is due in \d+ ms/);
    await running.cancel(run.id);
    await expect(run.result()).rejects.toMatchObject({ code: "RUN_CANCELLED" });
  });

  it("ends a step that takes too long", async () => {
    const w = workflow("slow", { input: {} }, (w) => void w.step("slow", () => later(5_000), {}, { timeout: "20ms" }));
    await using running = await engine([w]);
    const run = await running.start(w, {});
    await expect(run.result()).rejects.toMatchObject({
      code: "RUN_FAILED",
      message: expect.stringContaining("did not finish within 20 ms"),
      details: { step: "slow", code: "STEP_TIMED_OUT" },
    });
    expect(await running.steps(run.id)).toMatchObject([{ state: "failed", errorCode: "STEP_TIMED_OUT" }]);
    expect((await running.run(run.id)).error).toMatchObject({ step: "slow", code: "STEP_TIMED_OUT" });
  });

  it("refuses a result that cannot be kept, and one that is too large", async () => {
    const w = workflow(
      "big",
      { input: { large: "boolean" } },
      (w) =>
        void w.step("big", ({ large }: { large: boolean }) => (large ? "x".repeat(2 ** 21) : () => 1), {
          large: w.input.large,
        }),
    );
    await using running = await engine([w]);
    for (const [large, reason] of [
      [true, "bytes, and 1048576 are allowed"],
      [false, "could not be cloned"],
    ] as const) {
      await expect((await running.start(w, { large })).result()).rejects.toMatchObject({
        details: { step: "big", code: "STEP_OUTPUT_INVALID", reason: expect.stringContaining(reason) },
      });
    }
  });

  it("checks the input before anything is started", async () => {
    const w = workflow("typed", { input: { day: "date" } }, (w) => void w.step("s", () => 1, {}));
    await using running = await engine([w]);
    for (const input of [{}, { day: "2001-02-30" }, { day: 3 }, { day: "2001-02-03", more: 1 }]) {
      await expect(running.start(w, input as never)).rejects.toMatchObject({ code: "INPUT_INVALID" });
    }
    expect((await running.runs()).items).toEqual([]);
    await expect(running.start({ ...w, name: "other" }, { day: "2001-02-03" })).rejects.toMatchObject({
      code: "WORKFLOW_UNKNOWN",
    });
  });

  it("starts one run for fifty starts with the same key, and refuses the key for another input", async () => {
    let calls = 0;
    const w = workflow("once", { input: { n: "number" } }, (w) => w.step("s", () => ++calls, {}));
    await using running = await engine([w]);
    const runs = await Promise.all(
      Array.from({ length: 50 }, () => running.start(w, { n: 1 }, { idempotencyKey: "k" })),
    );
    expect(await Promise.all(runs.map((run) => run.result()))).toEqual(Array.from({ length: 50 }, () => 1));
    expect(new Set(runs.map((run) => run.id)).size).toBe(1);
    await expect(running.start(w, { n: 2 }, { idempotencyKey: "k" })).rejects.toMatchObject({
      code: "IDEMPOTENCY_CONFLICT",
    });
  });

  it("leaves a run alone while another engine that lives holds it, and cancels across engines", async () => {
    let calls = 0;
    const w = workflow(
      "held",
      { input: {} },
      (w) =>
        void w.step(
          "s",
          async () => {
            calls += 1;
            await later(60_000);
          },
          {},
        ),
    );
    await using first = await engine([w]);
    const run = await first.start(w, {});
    await later(30);
    await using second = await engine([w]);
    expect(calls).toBe(1);
    await second.cancel(run.id);
    await expect(run.result()).rejects.toMatchObject({ code: "RUN_CANCELLED" });
  });

  it("hands its runs over when it closes", async () => {
    const seen: number[] = [];
    const w = workflow("handed", { input: {} }, (w) =>
      w.step(
        "s",
        async (_: unknown, { attempt }) => {
          seen.push(attempt);
          if (attempt === 1) await later(60_000);
          return attempt;
        },
        {},
      ),
    );
    const first = await engine([w]);
    const { id } = await first.start(w, {}, { idempotencyKey: "k" });
    await later(30);
    await first[Symbol.asyncDispose]();
    await using second = await engine([w]);
    const run = await second.start(w, {}, { idempotencyKey: "k" });
    expect([run.id, run.existing, await run.result()]).toEqual([id, true, 2]);
  });

  it("keeps a run to the version of the workflow it was started with", async () => {
    const build = (name: string): Workflow<Record<never, never>> =>
      workflow("changing", { input: {} }, (w) => void w.step(name, () => later(60_000), {}));
    const [before, after] = [build("a"), build("b")];
    const first = await engine([before]);
    await first.start(before, {}, { idempotencyKey: "k" });
    await first[Symbol.asyncDispose]();
    await using second = await engine([after]);
    const run = await second.start(after, {}, { idempotencyKey: "k" });
    await expect(run.result()).rejects.toMatchObject({ code: "WORKFLOW_CHANGED" });
  });

  it("writes nothing once another has taken the run over", async () => {
    const w = workflow("fenced", { input: {} }, (w) => void w.step("s", () => later(100), {}));
    await using running = await engine([w]);
    const run = await running.start(w, {});
    await later(30);
    await using other = await openSqlite({ path, component: "other", migrations: [] });
    await other.run("UPDATE run SET epoch = epoch + 1");
    await later(200);
    expect((await running.steps(run.id))[0]).toMatchObject({ state: "running" });
  });

  it("reports the datasets of each finished step as OpenLineage events", async () => {
    const sink = memoryLineageSink();
    const w = workflow(
      "lined",
      { input: {} },
      (w) =>
        void w.step(
          "s",
          (_: unknown, context) =>
            context.lineage({
              inputs: [{ namespace: "lake", name: "a" }],
              outputs: [{ namespace: "lake", name: "b" }],
            }),
          {},
        ),
    );
    await using running = await engine([w], { lineage: { sink, namespace: "tests" } });
    await (await running.start(w, {})).result();
    expect(sink.events).toMatchObject([
      {
        eventType: "COMPLETE",
        job: { namespace: "tests", name: "lined.s" },
        inputs: [{ name: "a" }],
        outputs: [{ name: "b" }],
      },
    ]);
    expect(sink.events[0]?.run.runId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});

describe("backoff", () => {
  const retry = { application: 9, preemption: 9, initialMs: 100, factor: 2, maxMs: 1000 };

  it("doubles its bound up to the cap, and draws evenly below it", () => {
    expect([1, 2, 3, 4, 5, 50].map((n) => backoff(retry, n, () => 0.999_999))).toEqual([99, 199, 399, 799, 999, 999]);
    expect(backoff(retry, 5, () => 0)).toBe(0);
  });
});
