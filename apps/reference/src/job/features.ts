import { isAshlarError } from "@ashlar/core";
import type { StepContext } from "@ashlar/orchestration";
import { modelFeatures } from "../flights/features.ts";
import { labelSource } from "../flights/labels.ts";
import { type PartFiles, writeParts } from "../flights/part-files.ts";
import type { FlightStore, Platform } from "../wire/platform.ts";

/** The training set, as files in the artifact store. */
export interface JoinedFeatures {
  readonly rows: number;
  readonly features: readonly string[];
  readonly digest: string;
  readonly leakedRows: number;
  readonly parts: PartFiles;
  /** Version of each feature view: the hash of its definition. */
  readonly views: Readonly<Record<string, string>>;
}

/** Whose name stands beside what the job changes by itself. */
const pipeline = "Service::pipeline";

/** Joins every flight to the features as they were known when it was about to leave. */
export async function joinFeatures(
  platform: Platform,
  { table }: { table: number },
  context: StepContext,
): Promise<JoinedFeatures> {
  const store = await platform.featureStore(table);
  await declare(platform, store.views, `for flights@${table}`);
  context.progress(0.02, "joining");
  const labels = labelSource(await platform.tableAt(table));
  const set = await store.trainingSet({
    labels,
    time: "date",
    features: modelFeatures,
    output: { float: "float32" },
    leakReport: true,
    signal: context.signal,
  });
  const features = set.manifest.features;
  const parts = await writeParts(set, features, platform.artifacts, (rows) =>
    context.progress(0.7 + (0.3 * rows) / set.rows, `${rows.toLocaleString("en")} rows written`),
  );
  await platform.features.recordTrainingSet(set.manifest, { by: pipeline });
  context.lineage({
    inputs: [{ namespace: "lake", name: `flights@${table}` }],
    outputs: [{ namespace: "training-set", name: set.digest }],
  });
  return {
    rows: set.rows,
    features,
    digest: set.digest,
    leakedRows: set.leakReport?.leakedRows ?? 0,
    parts,
    views: set.manifest.views,
  };
}

/** Puts the definitions of this code in force; those that are already stay as they are. */
async function declare({ features }: Platform, views: FlightStore["views"], message: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const plan = await features.plan({ views });
    if (plan.changes.length === 0) return;
    try {
      await features.apply(plan, { by: pipeline, message });
      return;
    } catch (error) {
      // Somebody applied another plan meanwhile, as `ashlar features apply` may at any time.
      if (attempt === 3 || !isAshlarError(error, "REGISTRY_CONFLICT")) throw error;
    }
  }
}
