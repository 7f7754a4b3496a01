import type { RecordBatch } from "apache-arrow";
import { rowsOf as rowsOfBatch } from "../src/parquet/rows-of.ts";

/** Batches as plain objects, in their order. */
export async function rowsOf(batches: AsyncIterable<RecordBatch>): Promise<Record<string, unknown>[]> {
  const rows: Record<string, unknown>[] = [];
  for await (const batch of batches) rows.push(...rowsOfBatch(batch));
  return rows;
}

/** One column of batches, sorted. */
export async function valuesOf(batches: AsyncIterable<RecordBatch>, column: string): Promise<unknown[]> {
  const values = (await rowsOf(batches)).map((row) => row[column] as number | bigint | string | null);
  return values.sort((a, b) => (a === null ? -1 : b === null ? 1 : a < b ? -1 : a > b ? 1 : 0));
}
