import { computeError } from "../errors.ts";
import { contentDigest, type Dataset, readDataset } from "./dataset.ts";
import type { FloatRows } from "./standardize.ts";
import type { TableSource } from "./table.ts";

export interface FloatDataOptions {
  readonly label: string;
  readonly features?: readonly string[];
  readonly signal?: AbortSignal;
}

/** Reads a source unless that is done already; then checks that it is of the label asked for. */
export async function floatData(source: TableSource | Dataset, options: FloatDataOptions): Promise<Dataset> {
  if (!("kind" in source)) return await readDataset(source, options);
  const wanted = options.features ?? source.features;
  if (source.label === options.label && wanted.join("\n") === source.features.join("\n")) return source;
  throw computeError("DATASET_INVALID", {
    what: `the data set was read for the label "${source.label}" from ${source.features.join(", ")}`,
    rule: `"${options.label}" from ${wanted.join(", ")} is asked for`,
    remedy: "Read it anew with readDataset.",
  });
}

export function floatRows(data: Dataset): FloatRows {
  return { rows: data.rows, features: data.features.length, values: data.values, labels: data.labels };
}

export function floatDigest(data: Dataset): string {
  return contentDigest([...data.features, data.label], data.rows, data.labels, data.values);
}
