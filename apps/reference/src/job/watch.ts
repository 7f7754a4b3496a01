import type { SkewReport, TableSource } from "@ashlar/feature-store";
import { driftBetween } from "@ashlar/feature-store/validate";
import type { StepContext } from "@ashlar/orchestration";
import type { LakeTableView } from "@ashlar/storage/lake";
import { modelFeatures } from "../flights/features.ts";
import { keepProfiles } from "../flights/keep-profiles.ts";
import type { RequestIds } from "../serve/traffic.ts";
import type { Platform } from "../wire/platform.ts";
import type { JoinedFeatures } from "./features.ts";
import { partRows } from "./train.ts";

/** What was served, beside what history says and what was trained on. */
export interface Watched {
  /** Reads in the feature log. */
  readonly logged: number;
  /** Served values beside the point-in-time join at the moment of each read. */
  readonly skew: Pick<SkewReport, "compared" | "different" | "causes">;
  /** Features that are spread otherwise in June than in the months of training, the most changed first. */
  readonly drifted: readonly { readonly feature: string; readonly psi: number }[];
}

/** Compares what the replay was served with history, value by value, and with the training set, column by column. */
export async function watch(
  platform: Platform,
  { set, table, ids }: { set: JoinedFeatures; table: number; ids: RequestIds },
  context: StepContext,
): Promise<Watched> {
  const { signal } = context;
  const served = requestsOf(await platform.servedTable(table), ids);
  const store = await platform.onlineStore(table);
  const { rows, compared, different, causes } = await store.checkSkew({ served, features: modelFeatures, signal });
  context.progress(0.6, "comparing with the training set");
  const training = partRows(platform, set.parts.sample);
  const { comparisons } = await driftBetween({ training: training(), served }, { signal });
  context.progress(0.8, "keeping profiles");
  await keepProfiles(platform.features, store.views, { training: training(), served });
  const columns = comparisons[0]?.report.columns ?? [];
  return {
    logged: rows,
    skew: { compared, different, causes },
    drifted: columns.filter(({ drifted }) => drifted).map(({ column, psi }) => ({ feature: column, psi })),
  };
}

/** The rows of a feature log that some requests left. */
function requestsOf(log: LakeTableView, ids: RequestIds): TableSource {
  return { name: log.name, scan: (options) => log.scan({ ...options, where: { request_id: ids } }) };
}
