import { memoryObjectStore } from "@ashlar/core/memory";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { clockedStore } from "../../test/clocked-store.ts";
import { valuesOf } from "../../test/rows.ts";
import { hyparquet } from "../parquet/hyparquet.ts";
import { batchFrom, type LakeTable, openLake } from "./index.ts";

const hour = 3_600_000;
const day = 24 * hour;
const start = Date.UTC(2026, 0, 1);
const retention = 7 * day;

const row = (n: number): ReturnType<typeof batchFrom> => batchFrom({ n: ["long", [BigInt(n)]] });

/** One store with a clock of its own, and processes whose clocks say something else. */
function world(): { now: number; tableOf(skew: number): Promise<LakeTable>; keys(): Promise<string[]> } {
  const objects = clockedStore(memoryObjectStore(), () => self.now);
  const self = {
    now: start,
    tableOf(skew: number): Promise<LakeTable> {
      const clock = { now: () => self.now + skew, monotonic: () => 0, sleep: async () => {} };
      return openLake({ objects, codec: hyparquet(), clock }).table("t");
    },
    async keys() {
      const keys: string[] = [];
      for await (const { key } of objects.list("t/")) keys.push(key);
      return keys;
    },
  };
  return self;
}

describe("clocks that disagree", () => {
  it("leave time in order, and every version within the retention whole, whatever is done and whoever vacuums", async () => {
    const skew = fc.integer({ min: -60, max: 60 }).map((days) => days * day);
    const step = fc.record({
      act: fc.constantFrom("append", "append", "append", "delete", "optimize", "vacuum", "checkpoint"),
      skew,
      hours: fc.integer({ min: 0, max: 60 }),
    });
    const holds = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25, size: "max" }), async (steps) => {
      const all = world();
      await (await all.tableOf(0)).append(row(0));
      let version = 0;
      const known: { readonly at: number; readonly rows: readonly unknown[] }[] = [{ at: all.now, rows: [0n] }];
      for (const [index, { act, skew: own, hours }] of steps.entries()) {
        all.now += hours * hour;
        const table = await all.tableOf(own);
        if (act === "append") await table.append(row(index + 1));
        if (act === "delete") await table.delete({ where: { n: { lt: BigInt(index) / 2n } } });
        if (act === "optimize") await table.optimize();
        if (act === "vacuum") await table.vacuum();
        if (act === "checkpoint") await table.checkpoint();
        const reader = await all.tableOf(0);
        const latest = (await reader.snapshot()).version;
        for (; version < latest; version++) known.push({ at: all.now, rows: await valuesOf(reader.scan(), "n") });
      }
      const reader = await all.tableOf(0);
      for (const [index, { rows }] of known.entries()) {
        const until = known[index + 1]?.at ?? Infinity;
        // What was the table within the retention still is.
        if (until < all.now - retention) continue;
        expect(await valuesOf(reader.scan({ version: index }), "n"), `version ${index}`).toEqual(rows);
      }
      const times = (await reader.history()).map(({ timestamp }) => timestamp).toReversed();
      expect(times.every((time, index) => index === 0 || time > (times[index - 1] ?? Infinity))).toBe(true);
      const moments = [...known.keys()].filter((index) => (known[index + 1]?.at ?? Infinity) > (known[index]?.at ?? 0));
      for (const index of moments.slice(-3)) {
        const { at = 0 } = known[index] ?? {};
        // Several versions of one moment are told apart by a millisecond each.
        expect(await reader.at({ timestamp: at + hour / 2 }).fingerprint()).toBe(`t@${index}`);
      }
    });
    await fc.assert(holds, { numRuns: 25 });
  }, 120_000);

  it("take no file from under a writer that has not committed it yet", async () => {
    const all = world();
    const [table, ahead] = [await all.tableOf(0), await all.tableOf(30 * day)];
    await table.append(row(1));
    async function* slow(): AsyncGenerator<ReturnType<typeof batchFrom>> {
      yield row(2);
      all.now += hour;
      expect((await ahead.vacuum()).files).toBe(0);
      yield row(3);
    }
    await table.append(slow());
    expect((await ahead.vacuum()).files).toBe(0);
    expect(await valuesOf((await all.tableOf(0)).scan(), "n")).toEqual([1n, 2n, 3n]);
    await expect(ahead.vacuum({ retention: "1h" })).rejects.toMatchObject({ code: "VACUUM_UNSAFE" });
  });

  it("leave nothing of a vacuum behind", async () => {
    const all = world();
    const table = await all.tableOf(-3 * day);
    await table.append(row(1));
    const before = await all.keys();
    await table.vacuum({ dryRun: true });
    await table.vacuum();
    expect(await all.keys()).toEqual(before);
  });
});
