import { isAshlarError } from "@ashlar/core";
import type { RecordBatch } from "apache-arrow";
import type { LakeTable } from "../lake/index.ts";
import { rowsOf } from "../parquet/rows-of.ts";

/** Every digest that a version in force at `since` (epoch milliseconds) or committed after it names. */
export async function* digestsSince(table: LakeTable, since: number, signal?: AbortSignal): AsyncGenerator<string> {
  const call = signal === undefined ? {} : { signal };
  const first = await versionAt(table, since);
  yield* digestsOf(table.scan({ version: first, columns: ["digest"], ...call }));
  const { version: last } = await table.snapshot();
  if (last === first) return;
  // Rows that went are among those of the first version, or came after it.
  yield* digestsOf(table.changes({ from: first + 1, to: last, columns: ["digest"], ...call }));
}

async function* digestsOf(batches: AsyncIterable<RecordBatch>): AsyncGenerator<string> {
  for await (const batch of batches) for (const { digest } of rowsOf(batch)) yield String(digest);
}

/** The version in force then; the oldest there is for a moment before it. */
async function versionAt(table: LakeTable, timestamp: number): Promise<number> {
  try {
    return (await table.at({ timestamp }).snapshot()).version;
  } catch (error) {
    if (!isAshlarError(error, "TIMESTAMP_NOT_FOUND")) throw error;
    return (await table.history()).at(-1)?.version ?? 0;
  }
}
