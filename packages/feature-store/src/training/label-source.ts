import type { RecordBatch, Table } from "apache-arrow";
import { fromBatches, fromTable, inUtc, type TableSource } from "../source/table-source.ts";

/** The rows to join features to: an Arrow table, a source such as `parquetFiles(...)`, or an iterator of batches. */
export type Labels = Table | TableSource | AsyncIterable<RecordBatch>;

export function labelSource(labels: Labels, timezone: "UTC" | undefined): TableSource {
  const source = tableOf(labels);
  return timezone === "UTC" ? inUtc(source) : source;
}

function tableOf(labels: Labels): TableSource {
  if ("scan" in labels && typeof labels.scan === "function") return labels as TableSource;
  if ("batches" in labels) return fromTable("labels", labels);
  // An iterator gives its batches once, and an engine reads labels once.
  return fromBatches("labels", () => labels as AsyncIterable<RecordBatch>);
}
