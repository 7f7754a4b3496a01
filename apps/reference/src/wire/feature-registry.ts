import { createFeatureRegistry, type FeatureRegistry, sqlite } from "@ashlar/feature-store/registry";
import type { DataDirectory } from "../cli/data-directory.ts";

/** Definitions of features, which were in force when, what was made of them, and profiles of their values. */
export function featureRegistry(directory: DataDirectory): FeatureRegistry {
  return createFeatureRegistry({ database: sqlite({ path: directory.file("features.db") }) });
}
