import { mkdtemp, rm } from "node:fs/promises";
import { findPackageJSON } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { sourceOfFile } from "@ashlar/storage";
import { duckdb } from "@ashlar/storage/duckdb";
import { fileSystem } from "@ashlar/storage/file-system";
import { between, notNull, openLake } from "@ashlar/storage/lake";
import { Field, type RecordBatch, Schema, Utf8 } from "apache-arrow";
import { batchOf, dataOf } from "../src/parquet/batch.ts";
import { columnsOf } from "../src/parquet/column.ts";

// Reads three million flights, appends them by month with two expectations, and scans them again.
const root = await mkdtemp(join(tmpdir(), "ashlar-measure-"));
let peak = 0;
const timer = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 20);
const timed = async (what: string, work: () => Promise<unknown>): Promise<void> => {
  const start = performance.now();
  const result = await work();
  const seconds = ((performance.now() - start) / 1000).toFixed(2);
  process.stdout.write(`${what}: ${seconds} s, peak ${Math.round(peak / 1e6)} MB, ${String(result)}\n`);
};
const count = async (batches: AsyncIterable<RecordBatch>): Promise<string> => {
  let rows = 0;
  for await (const batch of batches) rows += batch.numRows;
  return `${rows} rows`;
};

async function* withMonth(batches: AsyncIterable<RecordBatch>): AsyncGenerator<RecordBatch> {
  for await (const batch of batches) {
    const dates = columnsOf(batch)[0]?.numbers as BigInt64Array;
    const months = Array.from(dates, (micros) => new Date(Number(micros / 1000n)).toISOString().slice(0, 7));
    const [date] = batch.schema.fields as [Field];
    const extra = [date.clone({ name: "landed_at" }), new Field("month", new Utf8(), true)];
    const [dateData] = batch.data.children;
    if (dateData === undefined) continue;
    const columns = [...batch.data.children, dateData, dataOf("string", months)];
    yield batchOf(new Schema([...batch.schema.fields, ...extra]), columns, batch.numRows);
  }
}

try {
  const file = join(dirname(findPackageJSON("vega-datasets", import.meta.url) ?? ""), "data", "flights-3m.parquet");
  await using codec = duckdb();
  await using reader = await codec.open(await sourceOfFile(file));
  await timed("read Parquet into Arrow", () => count(reader.scan()));
  const lake = openLake({ objects: fileSystem({ root }), codec });
  const table = await lake.table("flights", { partitionBy: ["month"] });
  const expect = [notNull("date"), between("delay", -120, 3000)];
  await timed("append 7 columns by month", async () => {
    return JSON.stringify(await table.append(withMonth(reader.scan()), { expect, onViolation: "quarantine" }));
  });
  await timed("scan all columns", () => count(table.scan()));
  const june = { columns: ["origin", "delay"], where: { month: "2001-06" } } as const;
  await timed("scan two columns of a month", () => count(table.scan(june)));
} finally {
  clearInterval(timer);
  await rm(root, { recursive: true, force: true });
}
