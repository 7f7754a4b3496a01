import type { Duration } from "../define/duration.ts";
import type { FeatureService } from "../define/service.ts";
import type { View } from "../define/selection.ts";
import type { OutputOptions } from "../offline/feature-column.ts";
import type { TableSource } from "../source/table-source.ts";

/** How the rows of a training set were chosen. */
export interface JoinOptions {
  readonly time: string;
  readonly knownAt: boolean;
  readonly strict: boolean;
  readonly onTie: "last" | "error";
  readonly lookBack: Duration | null;
  readonly output: Required<OutputOptions>;
  /** Input of an on-demand view to label column, where they are named otherwise. */
  readonly inputs: Readonly<Record<string, string>>;
  readonly timezone: "UTC" | null;
}

/**
 * What a training set was made from, as plain JSON: with the same definitions, sources and labels it can be made again, to
 * the same digest, by `store.replay`.
 */
export interface TrainingManifest {
  readonly digest: string;
  readonly rows: number;
  readonly features: readonly string[];
  /** The version of each view: the content hash of its definition. */
  readonly views: Readonly<Record<string, string>>;
  /** The service it was made by, if any. */
  readonly service: { readonly name: string; readonly version: string } | null;
  /** The fingerprint of each source and of the labels; null where a source has none. */
  readonly sources: Readonly<Record<string, string | null>>;
  readonly labels: string | null;
  readonly options: JoinOptions;
}

export async function manifestOf(
  made: Pick<TrainingManifest, "digest" | "rows" | "features" | "options">,
  views: readonly View[],
  labels: TableSource,
  service: FeatureService | undefined,
): Promise<TrainingManifest> {
  return {
    ...made,
    views: Object.fromEntries(views.map((view) => [view.name, view.version])),
    service: service === undefined ? null : { name: service.name, version: service.version },
    sources: await fingerprints(views.flatMap((view) => (view.kind === "view" ? [view.source] : []))),
    labels: (await labels.fingerprint?.()) ?? null,
  };
}

async function fingerprints(sources: readonly TableSource[]): Promise<Record<string, string | null>> {
  const found: Record<string, string | null> = {};
  for (const source of new Set(sources)) found[source.name] = (await source.fingerprint?.()) ?? null;
  return found;
}
