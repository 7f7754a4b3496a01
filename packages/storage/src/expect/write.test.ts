import { memoryObjectStore, manualClock } from "@ashlar/core/memory";
import type { RecordBatch } from "apache-arrow";
import { describe, expect, it } from "vitest";
import { batchFrom, type Lake, type LakeTable, openLake } from "../lake/index.ts";
import { columnsOf } from "../parquet/column.ts";
import { hyparquet } from "../parquet/hyparquet.ts";
import { between, mean, notNull, rowCount, unique } from "./index.ts";

const noon = Date.UTC(2026, 0, 1, 12);
const memoryLake = (): Lake => openLake({ objects: memoryObjectStore(), codec: hyparquet(), clock: manualClock(noon) });
const numbers = (...values: (bigint | null)[]): RecordBatch => batchFrom({ n: ["long", values] });

async function read(table: LakeTable): Promise<Record<string, unknown>[]> {
  const found: Record<string, unknown>[] = [];
  for await (const batch of table.scan()) {
    const columns = columnsOf(batch);
    for (let row = 0; row < batch.numRows; row++) {
      found.push(Object.fromEntries(columns.map((column) => [column.name, column.get(row)])));
    }
  }
  return found;
}

describe("a table with expectations of its own", () => {
  it("holds them against every write, beside those of the write, and keeps the results", async () => {
    const lake = memoryLake();
    const expectations = [notNull("n"), unique(["n"], { within: "table" })];
    const table = await lake.table("t", { expect: expectations, onViolation: "quarantine" });
    const first = await table.append(numbers(1n, null, 2n, 1n), { run: "first" });
    expect(first).toMatchObject({ rows: 2, quarantined: 2 });
    const late = { expect: [between("n", 0, 9), mean("n", { max: 4 }, { severity: "warn" })], run: "second" } as const;
    expect(await table.append(numbers(2n, 10n, 5n), late)).toMatchObject({ rows: 1, quarantined: 2 });
    expect((await read(table)).map(({ n }) => n)).toEqual([1n, 2n, 5n]);

    const [second, initial] = await table.expectationHistory();
    expect(initial).toMatchObject({
      version: 0,
      run: "first",
      results: [
        { name: 'notNull("n")', kind: "notNull", outcome: "quarantined", checked: 4, violations: 1 },
        { kind: "unique", outcome: "quarantined", checked: 4, violations: 1 },
      ],
    });
    expect(second?.results.map(({ kind, outcome, observed }) => [kind, outcome, observed])).toEqual([
      ["notNull", "passed", undefined],
      ["between", "quarantined", undefined],
      ["unique", "quarantined", undefined],
      ["mean", "warned", 5],
    ]);
    const aside = await read(await lake.table("t__quarantine"));
    const at = BigInt(noon) * 1000n;
    expect(aside).toEqual([
      { n: null, ...reasons(['notNull("n")']), _version: -1n, _quarantined_at: at, _run: "first" },
      { n: 1n, ...reasons(['unique(["n"], { within: "table" })']), _version: -1n, _quarantined_at: at, _run: "first" },
      { n: 2n, ...reasons(['unique(["n"], { within: "table" })']), _version: 0n, _quarantined_at: at, _run: "second" },
      { n: 10n, ...reasons(['between("n", 0, 9)']), _version: 0n, _quarantined_at: at, _run: "second" },
    ]);
  });

  it("commits nothing, and sets nothing aside, when all rows together are not as expected", async () => {
    const lake = memoryLake();
    const table = await lake.table("t", { expect: [rowCount({ min: 3 })], onViolation: "quarantine" });
    const appending = table.append(numbers(1n, 2n, null), { expect: [notNull("n")] });
    await expect(appending).rejects.toMatchObject({ code: "TABLE_EXPECTATION_FAILED", details: { observed: "2" } });
    for (const name of ["t", "t__quarantine"]) {
      await expect((await lake.table(name)).snapshot()).rejects.toMatchObject({ code: "TABLE_NOT_FOUND" });
    }
    expect(await table.append(numbers(1n, 2n, 3n))).toMatchObject({ version: 0, rows: 3 });
    await expect(table.overwrite(numbers(1n))).rejects.toMatchObject({ code: "TABLE_EXPECTATION_FAILED" });
    await table.overwrite(numbers(4n, 5n, 6n, 7n));
    expect((await table.expectationHistory()).map(({ results }) => results[0]?.observed)).toEqual([4, 3]);
  });

  it("has no history of what was written without", async () => {
    const table = await memoryLake().table("t");
    await table.append(numbers(1n));
    await table.append(numbers(1n), { commitInfo: { "ashlar.expectations": "{" } });
    expect(await table.expectationHistory()).toEqual([]);
  });
});

function reasons(names: readonly string[]): Record<string, string> {
  return { _reason: names[0] ?? "", _reasons: JSON.stringify(names) };
}
