import { checkReadFor, contentDigest, type Dataset, type DatasetOptions, isRead, readDataset } from "./dataset.ts";
import type { FloatRows } from "./standardize.ts";
import type { TableSource } from "./table.ts";

/** Reads a source unless that is done already; then checks that it is of the label asked for. */
export async function floatData(
  source: TableSource | Dataset,
  options: DatasetOptions,
  read: typeof readDataset = readDataset,
): Promise<Dataset> {
  if (!isRead(source)) return await read(source, options);
  checkReadFor(source, options);
  return source;
}

export function floatRows(data: Dataset): FloatRows {
  return { rows: data.rows, features: data.features.length, values: data.values, labels: data.labels };
}

export function floatDigest(data: Dataset): string {
  return contentDigest([...data.features, data.label], data.rows, data.labels, data.values);
}
