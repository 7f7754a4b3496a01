import { memoryObjectStore } from "@ashlar/core/memory";
import { duckdb } from "@ashlar/storage/duckdb";
import { hyparquet } from "@ashlar/storage/hyparquet";
import { openLake } from "@ashlar/storage/lake";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ParquetCodec } from "../src/parquet/port.ts";
import { applied, firstShape, type HistoryOperation, historyOf, type HistoryState } from "./history.ts";
import { columnsAt, columnsOfShape, play, rowsAt, textsOf } from "./play.ts";

/** Plays a history on a table and on an array, and compares them after each operation, and all versions at the end. */
async function compare(codec: ParquetCodec, history: readonly HistoryOperation[]): Promise<void> {
  const objects = memoryObjectStore();
  const table = await openLake({ objects, codec }).table("t", { partitionBy: ["part"] });
  const past: HistoryState[] = [];
  const versions: number[] = [];
  for (const operation of history) {
    versions.push(await play(table, versions, past.at(-1)?.shape ?? firstShape, operation));
    const state = applied(past, operation);
    past.push(state);
    expect(await rowsAt(table), operation.kind).toEqual(textsOf(state));
    expect(await columnsAt(table), operation.kind).toEqual(columnsOfShape(state.shape));
  }
  const reopened = await openLake({ objects, codec }).table("t");
  expect((await reopened.snapshot()).rows).toBe(past.at(-1)?.rows.length);
  for (const [index, state] of past.entries()) {
    expect(await rowsAt(reopened, versions[index])).toEqual(textsOf(state));
    expect(await columnsAt(reopened, versions[index])).toEqual(columnsOfShape(state.shape));
  }
}

describe("any history of a table", () => {
  it("holds the rows that an array would, at every version", { timeout: 120_000 }, async () => {
    const codec = hyparquet();
    const holds = fc.asyncProperty(historyOf({ operations: 30 }), (history) => compare(codec, history));
    await expect(fc.assert(holds, { numRuns: 40 })).resolves.toBeUndefined();
  });

  it("of some hundred operations holds them", { timeout: 120_000 }, async () => {
    const [history = []] = fc.sample(historyOf({ operations: 150, exactly: true }), { numRuns: 1, seed: 20_011_106 });
    expect(new Set(history.map(({ kind }) => kind)).size).toBe(14);
    await compare(hyparquet(), history);
  });

  it("holds them with DuckDB too", { timeout: 120_000 }, async () => {
    await using codec = duckdb({ threads: 1 });
    const holds = fc.asyncProperty(historyOf({ operations: 8 }), (history) => compare(codec, history));
    await expect(fc.assert(holds, { numRuns: 6 })).resolves.toBeUndefined();
  });
});
