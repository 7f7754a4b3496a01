import { describe, expect, it } from "vitest";
import { arrowTable } from "../testing/tables.ts";
import { fromRows } from "../source/rows.ts";
import { drift } from "./index.ts";

/** Marsaglia's xorshift32: the same numbers in every run. */
function generator(seed: number): () => number {
  let x = seed;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) / 2 ** 32;
  };
}

function rows(
  seed: number,
  change: { shift?: number; nulls?: number; late?: number } = {},
): ReturnType<typeof arrowTable> {
  const { shift = 0, nulls = 0.02, late = 0.2 } = change;
  const next = generator(seed);
  const numbers = Array.from({ length: 5_000 }, () => next() + next() + next() + shift);
  return arrowTable({
    delay: ["float64", numbers.map((value) => (next() < nulls ? null : value))],
    status: ["string", numbers.map(() => (next() < late ? "late" : "on time"))],
  });
}

describe("drift", () => {
  it("sees none between two samples of one distribution", async () => {
    const report = await drift(rows(1), rows(2));
    expect(report).toMatchObject({ drifted: false });
    for (const { psi, jensenShannon, reasons, test } of report.columns) {
      expect([psi < 0.02, jensenShannon < 0.06, reasons]).toEqual([true, true, []]);
      expect(test?.pValue).toBeGreaterThan(0.001);
    }
  });

  it.each([
    ["a shift", { shift: 0.5 }, "delay", "population stability index"],
    ["nulls", { nulls: 0.1 }, "delay", "share of nulls"],
    ["another mix of categories", { late: 0.6 }, "status", "population stability index"],
  ])("names the column with %s, and why", async (_, change, name, reason) => {
    const report = await drift(rows(1), rows(2, change));
    expect(report.columns.filter(({ drifted }) => drifted).map(({ column }) => column)).toEqual([name]);
    const [first] = report.columns;
    expect(first).toMatchObject({ column: name, reasons: expect.arrayContaining([expect.stringContaining(reason)]) });
    expect(report.drifted).toBe(true);
  });

  it("has its bounds from the caller, and refuses those that bound nothing", async () => {
    const mild = rows(2, { shift: 0.2 });
    expect((await drift(rows(1), mild, { psi: 0.5 })).drifted).toBe(false);
    expect((await drift(rows(1), mild, { psi: 0.05 })).drifted).toBe(true);
    await expect(drift(rows(1), mild, { psi: 0 })).rejects.toMatchObject({ code: "REQUEST_INVALID" });
    await expect(drift(rows(1), mild, { sample: Number.NaN })).rejects.toMatchObject({ code: "REQUEST_INVALID" });
    await expect(drift(rows(1), mild, { sample: 1.5 })).rejects.toMatchObject({ code: "REQUEST_INVALID" });
  });

  it.each([
    ["a constant that became less", [5, 5], [3, 3]],
    ["a constant that became more", [5, 5], [7, 7]],
    ["zeros that became less", [0, 1], [-9, 1]],
    ["two values that met in the middle", [0, 1], [0.5, 0.5]],
  ])("sees %s", async (_, before, after) => {
    const of = (values: readonly number[]) =>
      arrowTable({ n: ["float64", Array.from({ length: 500 }, (__, i) => values[i % 2] as number)] });
    expect((await drift(of(before), of(after))).columns[0]).toMatchObject({ drifted: true });
    expect((await drift(of(before), of(before))).columns[0]).toMatchObject({ drifted: false, psi: 0 });
  });

  it("takes a column of nulls for one of any kind, and a reference without rows for none", async () => {
    const [text, nothing] = [fromRows("text", [{ a: "x" }]), fromRows("nothing", [{ a: null }])];
    for (const [before, after] of [
      [text, nothing],
      [nothing, text],
    ] as const) {
      expect((await drift(before, after)).columns[0]).toMatchObject({ drifted: true });
    }
    const [column] = (await drift(text, fromRows("none", []))).columns;
    expect(column).toMatchObject({ reasons: expect.arrayContaining(["a side has no rows"]) });
    await expect(drift(fromRows("none", []), text)).rejects.toMatchObject({ code: "REQUEST_INVALID" });
  });

  it("says so when a side is empty, and refuses a column of another kind", async () => {
    const [first] = (await drift(rows(1), arrowTable({ delay: ["float64", []], status: ["string", []] }))).columns;
    expect(first).toMatchObject({ drifted: true, test: null, reasons: expect.arrayContaining(["a side has no rows"]) });
    const text = arrowTable({ delay: ["string", ["x"]], status: ["string", ["late"]] });
    await expect(drift(rows(1), text)).rejects.toMatchObject({ code: "COLUMN_TYPE_MISMATCH" });
    await expect(drift(rows(1), arrowTable({ delay: ["float64", [1]] }))).rejects.toMatchObject({
      code: "COLUMN_MISSING",
    });
  });
});
