import { memoryObjectStore } from "@ashlar/core/memory";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { agedStore } from "../../test/aged-store.ts";
import { hyparquet } from "../parquet/hyparquet.ts";
import { batchFrom, type LakeTable, openLake } from "./index.ts";
import { commitTimes, parseInterval, versionAt } from "./time.ts";

const row = batchFrom({ n: ["long", [1n]] });
const entry = (version: number): string => `t/_delta_log/${String(version).padStart(20, "0")}.json`;

describe("time travel", () => {
  /** Version n was stored at the n-th time; the writers' clocks say something else. */
  async function storedAt(
    times: readonly number[],
  ): Promise<{ table: LakeTable; forget(version: number): Promise<void> }> {
    const { objects, age } = agedStore(memoryObjectStore());
    const skewed = { now: () => times.length * 1e6 - skews++ * 1e5, monotonic: () => 0, sleep: async () => {} };
    let skews = 0;
    const table = await openLake({ objects, codec: hyparquet(), clock: skewed }).table("t");
    for (const [version, time] of times.entries()) {
      age(entry(version), time);
      await table.append(row);
    }
    return { table, forget: (version) => objects.delete(entry(version)) };
  }

  it("goes by when the store got a version, whatever the clocks of its writers", async () => {
    const { table } = await storedAt([1000, 2000, 3000]);
    const at = (timestamp: number | Date): Promise<string> => table.at({ timestamp }).fingerprint();
    expect(await at(1000)).toBe("t@0");
    expect(await at(1999)).toBe("t@0");
    expect(await at(new Date(2000))).toBe("t@1");
    expect(await at(9_999_999_999_999)).toBe("t@2");
    await expect(at(999)).rejects.toMatchObject({ code: "TIMESTAMP_NOT_FOUND", details: { earliest: 1000 } });
    await expect(at(Number.NaN)).rejects.toMatchObject({ code: "TIMESTAMP_NOT_FOUND" });
    expect((await table.at({ version: 1 }).snapshot()).rows).toBe(2);
    expect((await table.at({ timestamp: 2500 }).snapshot()).rows).toBe(2);
    for await (const batch of table.at({ timestamp: 1500 }).scan()) expect(batch.numRows).toBe(1);
    await expect(table.at(-1).snapshot()).rejects.toMatchObject({ code: "VERSION_NOT_FOUND" });
    await expect(table.at(0.5).snapshot()).rejects.toMatchObject({ code: "VERSION_NOT_FOUND" });
  });

  it("has an order even where the store's clock goes back", async () => {
    const { table } = await storedAt([5000, 4000, 4000, 6000]);
    const history = await table.history();
    expect(history.map(({ version, timestamp }) => [version, timestamp])).toEqual([
      [3, 6000],
      [2, 5002],
      [1, 5001],
      [0, 5000],
    ]);
    for (const { version, timestamp } of history) {
      expect(await table.at({ timestamp }).fingerprint()).toBe(`t@${version}`);
    }
  });

  it("begins where the log does", async () => {
    const { table, forget } = await storedAt(Array.from({ length: 13 }, (_, version) => 1000 * (version + 1)));
    for (let version = 0; version < 9; version++) await forget(version);
    expect(await table.at({ timestamp: 11_500 }).fingerprint()).toBe("t@10");
    // Entry 9 is still there, but nothing that it could be put on top of.
    await expect(table.at({ timestamp: 10_500 }).snapshot()).rejects.toMatchObject({
      code: "TIMESTAMP_NOT_FOUND",
      details: { earliest: 11_000 },
    });
    expect((await table.history()).map(({ version }) => version)).toEqual([12, 11, 10, 9]);
  });

  it("needs a table", async () => {
    const table = await openLake({ objects: memoryObjectStore(), codec: hyparquet() }).table("t");
    await expect(table.at({ timestamp: 1 }).snapshot()).rejects.toMatchObject({ code: "TABLE_NOT_FOUND" });
  });
});

it("gives every version its own moment, in order", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { minLength: 1 }), (modified) => {
      const times = commitTimes(modified.map((time, version) => ({ version, modified: time, etag: "" })));
      for (const [index, { version, timestamp }] of times.entries()) {
        expect(timestamp).toBeGreaterThan(times[index - 1]?.timestamp ?? -1);
        expect(timestamp).toBeGreaterThanOrEqual(modified[index] ?? 0);
        expect(versionAt(times, timestamp)).toBe(version);
      }
    }),
  );
});

it.each([
  ["7d", 604_800_000],
  ["36h", 129_600_000],
  ["250 ms", 250],
  ["interval 30 days", 2_592_000_000],
  ["INTERVAL 1 week 2 Days", 777_600_000],
  ["interval 0 seconds", 0],
  ["1.5 hours", 5_400_000],
  ["interval 1 month", undefined],
  ["-7d", undefined],
  ["7", undefined],
  ["", undefined],
])("takes %j for %j milliseconds", (text, millis) => {
  expect(parseInterval(text)).toBe(millis);
});
