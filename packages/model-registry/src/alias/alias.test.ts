import { manualClock, memoryObjectStore } from "@ashlar/core/memory";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  beats,
  createModelRegistry,
  type Gate,
  hasOnnx,
  metricAtLeast,
  metricAtMost,
  type ModelRegistry,
  type ModelRegistryOptions,
  objectStoreArtifacts,
  parityBelow,
  sqlite,
} from "../index.ts";

async function withVersions(aucs: number[], options: Partial<ModelRegistryOptions> = {}): Promise<ModelRegistry> {
  const artifacts = objectStoreArtifacts(memoryObjectStore());
  const registry = createModelRegistry({ database: sqlite({ path: ":memory:" }), artifacts, ...options });
  for (const auc of aucs) {
    const files = { "w.bin": new TextEncoder().encode(String(auc)) };
    await registry.register("delay", { files, metrics: { auc, "parity.maxAbsDiff": 1e-7 }, author: "ada" });
  }
  return registry;
}

const first = { alias: "champion", to: 1, expected: undefined, by: "bob" } as const;
const second = { alias: "champion", to: 2, expected: 1, by: "bob" } as const;

describe("promote", () => {
  it("asks every gate, and changes nothing when one does not pass", async () => {
    await using registry = await withVersions([0.757, 0.759]);
    const gates = [beats("champion", "auc", { by: 0.002 }), parityBelow(1e-6), metricAtLeast("auc", 0.7)];
    const move = await registry.promote("delay", { ...first, gates });
    expect(move.gates.map(({ passed, value }) => [passed, value])).toEqual([
      [true, 0.757],
      [true, 1e-7],
      [true, 0.757],
    ]);
    const failing: [Gate, object][] = [
      [beats("champion", "auc", { by: 0.01 }), { gate: "beats(champion, auc)", value: 0.759, bound: 0.767 }],
      [beats("champion", "auc", { higherIsBetter: false }), { value: 0.759, bound: 0.757 }],
      [beats("rival", "auc", { whenAbsent: "fail" }), { bound: null }],
      [metricAtLeast("recall", 0.5), { value: null, bound: 0.5 }],
      [metricAtMost("auc", 0.5), { value: 0.759, bound: 0.5 }],
      [parityBelow(1e-8), { value: 1e-7, bound: 1e-8 }],
      [hasOnnx(), { gate: "hasOnnx", value: null }],
      [() => Promise.reject(new Error("no connection")), { reason: "it threw: no connection" }],
    ];
    for (const [gate, details] of failing) {
      const refused = registry.promote("delay", { ...second, gates: [gate] });
      await expect(refused).rejects.toMatchObject({ code: "GATE_FAILED", status: 422, details });
    }
    expect(await registry.aliases("delay")).toEqual({ champion: 1 });
    expect((await registry.aliasHistory("delay", "champion")).items).toEqual([move]);
    await registry.promote("delay", { ...second, gates });
    expect((await registry.get("delay@champion")).number).toBe(2);
  });

  it("counts only approvals that are recorded, for this version and alias, by somebody else", async () => {
    await using registry = await withVersions([0.7, 0.8], { protectedAliases: { champion: { approvals: 1 } } });
    const approval = await registry.approve("delay", 1, { by: "grace", comment: "fine" });
    await expect(registry.promote("delay", first)).rejects.toMatchObject({
      code: "APPROVALS_MISSING",
      details: { needed: 1, given: 0 },
    });
    await expect(registry.approve("delay", 1, { by: "Ada " })).rejects.toMatchObject({ code: "APPROVAL_INVALID" });
    const other = await registry.approve("delay", 2, { by: "grace" });
    const staging = await registry.approve("delay", 1, { by: "grace", alias: "staging" });
    for (const [wrong, by] of [
      [{ ...approval, id: "made up" }, "bob"],
      [other, "bob"],
      [staging, "bob"],
      [approval, "grace"],
    ] as const) {
      const refused = registry.promote("delay", { ...first, by, approvals: [wrong] });
      await expect(refused).rejects.toMatchObject({ code: "APPROVAL_INVALID", status: 403 });
    }
    expect(await registry.aliases("delay")).toEqual({});
    const move = await registry.promote("delay", { ...first, approvals: [approval] });
    expect(move.approvals).toEqual([approval]);
    expect(await registry.approvals("delay", 1)).toHaveLength(2);
    const [kept] = (await registry.aliasHistory("delay", "champion")).items;
    expect(kept).toEqual(move);
  });

  it("asks the gates again when an alias has moved under them, and gives up in the end", async () => {
    await using registry = await withVersions([0.7, 0.8, 0.9]);
    await registry.promote("delay", first);
    let asked = 0;
    const moving: Gate = async ({ versionAt }) => {
      const current = (await versionAt("other"))?.number;
      if (asked++ < 1) await registry.promote("delay", { alias: "other", to: 3, expected: current, by: "bob" });
      return { gate: "moving", passed: current === 3, value: current ?? null, bound: 3, reason: "saw what stands" };
    };
    expect(await registry.promote("delay", { ...second, gates: [moving] })).toMatchObject({ to: 2 });
    expect(asked).toBe(2);
    const restless: Gate = async ({ versionAt }) => {
      const expected = (await versionAt("other"))?.number;
      await registry.promote("delay", { alias: "other", to: 3, expected, by: "bob" });
      return { gate: "restless", passed: true, value: null, bound: null, reason: "passed" };
    };
    const contended = registry.promote("delay", { ...second, to: 3, expected: 2, gates: [restless] });
    await expect(contended).rejects.toMatchObject({ code: "ALIAS_CONTENDED", retryable: true });
  });

  it("gives a repeated call with the same key the first move", async () => {
    await using registry = await withVersions([0.7, 0.8]);
    const keyed = { ...first, idempotencyKey: "k" };
    const move = await registry.promote("delay", keyed);
    await registry.promote("delay", second);
    expect(await registry.promote("delay", keyed)).toEqual(move);
    const other = registry.promote("delay", { ...keyed, to: 2 });
    await expect(other).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT" });
    expect(await registry.aliases("delay")).toEqual({ champion: 2 });
  });
});

describe("the history of an alias", () => {
  it("goes back step by step, and knows what stood when, though the clock goes back", async () => {
    const clock = manualClock(1000);
    await using registry = await withVersions([0.7, 0.8, 0.9], { clock });
    await registry.promote("delay", first);
    clock.advance(1000);
    await registry.promote("delay", second);
    clock.advance(-500);
    await registry.promote("delay", { ...second, to: 3, expected: 2 });
    clock.advance(1500);
    const back = { alias: "champion", by: "bob", reason: "drift" };
    expect(await registry.rollback("delay", { ...back, expected: 3 })).toMatchObject({
      from: 3,
      to: 2,
      reason: "drift",
    });
    await expect(registry.rollback("delay", { ...back, expected: 3 })).rejects.toMatchObject({
      code: "ALIAS_CONFLICT",
      details: { expected: 3, current: 2 },
    });
    const at = (time: number): Promise<number | undefined> => registry.aliasAt("delay", "champion", time);
    expect([await at(999), await at(1000), await at(1999), await at(2000), await at(3000)]).toEqual([
      undefined,
      1,
      1,
      3,
      2,
    ]);
    expect(await registry.rollback("delay", back)).toMatchObject({ to: 1 });
    await expect(registry.rollback("delay", back)).rejects.toMatchObject({ code: "ROLLBACK_IMPOSSIBLE" });
    expect(await registry.removeAlias("delay", back)).toMatchObject({ from: 1, to: undefined });
    await expect(registry.removeAlias("delay", back)).rejects.toMatchObject({ code: "ALIAS_NOT_FOUND" });
    expect(await registry.rollback("delay", back)).toMatchObject({ from: undefined, to: 1 });
    const page = await registry.aliasHistory("delay", "champion", { limit: 4 });
    const rest = await registry.aliasHistory("delay", "champion", { cursor: page.next ?? "" });
    expect([...page.items, ...rest.items].map(({ revision }) => revision)).toEqual([7, 6, 5, 4, 3, 2, 1]);
  });

  it("passes over a version that was deleted", async () => {
    await using registry = await withVersions([0.7, 0.8, 0.9]);
    await registry.promote("delay", first);
    await registry.promote("delay", second);
    await registry.promote("delay", { ...second, to: 3, expected: 2 });
    await registry.deleteVersion("delay", 2, { by: "ada" });
    const move = await registry.rollback("delay", { alias: "champion", by: "bob", reason: "drift" });
    expect(move).toMatchObject({ from: 3, to: 1 });
  });

  it("agrees with a model in which an alias is a stack", async () => {
    const versions = fc.integer({ min: 1, max: 3 });
    const expected = fc.option(versions, { nil: undefined });
    const action = fc.oneof(
      { weight: 3, arbitrary: fc.record({ kind: fc.constant("promote" as const), to: versions, expected }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("rollback" as const, "remove" as const) }) },
    );
    const run = fc.asyncProperty(fc.array(action, { maxLength: 25 }), async (actions) => {
      await using registry = await withVersions([0.7, 0.8, 0.9]);
      let stack: (number | undefined)[] = [];
      let moves = 0;
      for (const step of actions) {
        const top = stack.at(-1);
        let next: (number | undefined)[] | undefined;
        let doing: Promise<{ readonly to: number | undefined }>;
        const request = { alias: "champion", by: "bob", reason: "" };
        if (step.kind === "promote") {
          const { to, expected } = step;
          if (expected === top) next = [...stack, to];
          doing = registry.promote("delay", { ...request, to, expected });
        } else if (step.kind === "remove") {
          if (top !== undefined) next = [...stack, undefined];
          doing = registry.removeAlias("delay", request);
        } else {
          const earlier = stack.slice(0, -1).findLastIndex((number) => number !== undefined);
          if (earlier >= 0) next = stack.slice(0, earlier + 1);
          doing = registry.rollback("delay", request);
        }
        const outcome = await doing.then(
          ({ to }) => ({ to }),
          () => undefined,
        );
        expect(outcome).toEqual(next === undefined ? undefined : { to: next.at(-1) });
        if (next !== undefined) moves += 1;
        stack = next ?? stack;
        const standing = stack.at(-1);
        expect(await registry.aliases("delay")).toEqual(standing === undefined ? {} : { champion: standing });
      }
      expect((await registry.aliasHistory("delay", "champion")).items).toHaveLength(moves);
    });
    await fc.assert(run, { numRuns: 60 });
  });
});
