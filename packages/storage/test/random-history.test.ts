import { memoryObjectStore } from "@ashlar/core/memory";
import { duckdb } from "@ashlar/storage/duckdb";
import { hyparquet } from "@ashlar/storage/hyparquet";
import { openLake } from "@ashlar/storage/lake";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ParquetCodec } from "../src/parquet/port.ts";
import { applied, type HistoryOperation, historyOf, type HistoryRows } from "./history.ts";
import { play, rowsAt, textsOf } from "./play.ts";

/** Plays a history on a table and on an array, and compares them after each operation, and all versions at the end. */
async function compare(codec: ParquetCodec, history: readonly HistoryOperation[]): Promise<void> {
  const objects = memoryObjectStore();
  const table = await openLake({ objects, codec }).table("t", { partitionBy: ["part"] });
  const past: HistoryRows[] = [];
  const versions: number[] = [];
  for (const operation of history) {
    versions.push(await play(table, versions, operation));
    past.push(applied(past, operation));
    expect(await rowsAt(table), operation.kind).toEqual(textsOf(past.at(-1) ?? []));
  }
  const reopened = await openLake({ objects, codec }).table("t");
  expect((await reopened.snapshot()).rows).toBe(past.at(-1)?.length);
  for (const [index, version] of versions.entries()) {
    expect(await rowsAt(reopened, version)).toEqual(textsOf(past[index] ?? []));
  }
}

describe("any history of a table", () => {
  it("holds the rows that an array would, at every version", { timeout: 120_000 }, async () => {
    const codec = hyparquet();
    const holds = fc.asyncProperty(historyOf(30), (history) => compare(codec, history));
    await expect(fc.assert(holds, { numRuns: 40 })).resolves.toBeUndefined();
  });

  it("holds them with DuckDB too", { timeout: 120_000 }, async () => {
    await using codec = duckdb({ threads: 1 });
    const holds = fc.asyncProperty(historyOf(8), (history) => compare(codec, history));
    await expect(fc.assert(holds, { numRuns: 6 })).resolves.toBeUndefined();
  });
});
