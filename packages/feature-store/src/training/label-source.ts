import type { RecordBatch, Table } from "apache-arrow";
import { collect } from "../collect.ts";
import { fromBatches, fromTable, inUtc, type TableSource } from "../source/table-source.ts";

/** The rows to join features to: an Arrow table, a source such as `parquetFiles(...)`, or an iterator of batches. */
export type Labels = Table | TableSource | AsyncIterable<RecordBatch>;

export async function labelSource(labels: Labels, timezone: "UTC" | undefined): Promise<TableSource> {
  const source = await tableOf(labels);
  return timezone === "UTC" ? inUtc(source) : source;
}

async function tableOf(labels: Labels): Promise<TableSource> {
  if ("scan" in labels && typeof labels.scan === "function") return labels as TableSource;
  if ("batches" in labels) return fromTable("labels", labels);
  return fromBatches("labels", await collect(labels as AsyncIterable<RecordBatch>));
}
