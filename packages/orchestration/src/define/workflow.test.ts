import { describe, expect, expectTypeOf, it } from "vitest";
import { type StepHandle, type Workflow, workflow } from "../index.ts";

const ingest = async ({ day }: { day: string }): Promise<{ rows: number; day: string }> => ({ rows: day.length, day });
const count = ({ rows }: { rows: number }): number => rows;

describe("workflow", () => {
  it("builds a graph whose edges are the handles passed on", () => {
    const nightly = workflow("nightly", { input: { day: "date" } }, (w) => {
      const set = w.step("ingest", ingest, { day: w.input.day });
      const total = w.step("count", count, { rows: set.rows });
      w.step("tidy", () => undefined, {}, { after: [total] });
      return { total, day: set.day };
    });
    expect(nightly.steps.map(({ name, needs }) => [name, needs])).toEqual([
      ["ingest", []],
      ["count", ["ingest"]],
      ["tidy", ["count"]],
    ]);
    expectTypeOf(nightly).toEqualTypeOf<Workflow<{ readonly day: "date" }, { total: number; day: string }>>();
  });

  it("checks arguments against the step's input when it is compiled", () => {
    workflow("typed", { input: { day: "date" } }, (w) => {
      const set = w.step("ingest", ingest, { day: w.input.day });
      expectTypeOf(set).toExtend<StepHandle<{ rows: number; day: string }>>();
      // @ts-expect-error a string is passed where a number is asked for
      w.step("count", count, { rows: set.day });
      // @ts-expect-error there is no such field in the result of "ingest"
      w.step("count2", count, { rows: set.rowz });
      // @ts-expect-error there is no such field in the input
      w.step("ingest2", ingest, { day: w.input.date });
    });
  });

  it("has a version that follows the graph and nothing else", () => {
    const build = (name: string, rows: number): Workflow =>
      workflow("w", { input: {} }, (w) => void w.step(name, count, { rows }));
    expect(build("a", 1).version).toBe(build("a", 1).version);
    expect(build("a", 1).version).not.toBe(build("b", 1).version);
    expect(build("a", 1).version).not.toBe(build("a", 2).version);
  });

  it("refuses what cannot run, by name", () => {
    const define = (body: Parameters<typeof workflow<Record<never, never>, void>>[2]) => () =>
      workflow("w", { input: {} }, body);
    const refusal = (problem: RegExp) =>
      expect.objectContaining({ code: "WORKFLOW_INVALID", message: expect.stringMatching(problem) });
    expect(define(() => undefined)).toThrow(refusal(/no steps/));
    expect(define((w) => void [w.step("a", count, { rows: 1 }), w.step("a", count, { rows: 1 })])).toThrow(
      refusal(/two steps/),
    );
    expect(define((w) => void w.step("a b", count, { rows: 1 }))).toThrow(refusal(/a b/));
    expect(define((w) => void w.step("a", count, { rows: 1 }, { timeout: "soon" as never }))).toThrow(
      refusal(/timeout/),
    );
    expect(define((w) => void w.step("a", count, { rows: 1 }, { retry: { application: -1 } }))).toThrow(refusal(/-1/));
    let foreign: StepHandle<number> | undefined;
    workflow("other", { input: {} }, (w) => void (foreign = w.step("elsewhere", count, { rows: 1 })));
    expect(define((w) => void w.step("a", count, { rows: foreign as StepHandle<number> }))).toThrow(
      refusal(/elsewhere/),
    );
  });
});
