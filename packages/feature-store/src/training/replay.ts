import type { View } from "../define/selection.ts";
import type { FeatureService } from "../define/service.ts";
import { featureStoreError } from "../errors.ts";
import type { OfflineEngine } from "../offline/port.ts";
import type { Labels } from "./label-source.ts";
import type { TrainingManifest } from "./manifest.ts";
import type { TrainingSummary } from "./training-join.ts";
import type { SelectionOptions, TrainingOptions } from "./training-options.ts";
import { makeTrainingSet, type TrainingSet } from "./training-set.ts";
import { type WriteOptions, writeTrainingSet } from "./write-training-set.ts";

export interface ReplayOptions {
  /** The labels it was made with. */
  readonly labels: Labels;
  /** The service it was made by, when its views are other versions than the store's. */
  readonly service?: FeatureService;
  readonly signal?: AbortSignal;
}

/** Replays into a sink, which keeps nothing when the digest is another. */
export type ReplayWriteOptions = ReplayOptions & WriteOptions;

/**
 * Makes the training set of a manifest again, in memory.
 *
 * @throws REPLAY_MISMATCH naming what changed: before the join when a definition did, after it when rows did
 */
export async function replay(
  engine: OfflineEngine,
  views: readonly View[],
  manifest: TrainingManifest,
  options: ReplayOptions,
): Promise<TrainingSet> {
  const asked = again(views, manifest, options);
  const set = await makeTrainingSet<Readonly<Record<string, unknown>>>(engine, asked.views, asked.options);
  assertSame(set, manifest);
  return set;
}

/** Makes the training set of a manifest again, into a sink. @throws REPLAY_MISMATCH, with nothing kept */
export async function writeReplay(
  engine: OfflineEngine,
  views: readonly View[],
  manifest: TrainingManifest,
  options: ReplayWriteOptions,
): Promise<TrainingSummary> {
  const asked = again(views, manifest, options);
  const { to, rowsPerPart } = options;
  const written = { ...asked.options, to, ...(rowsPerPart === undefined ? {} : { rowsPerPart }) };
  return await writeTrainingSet(engine, asked.views, written, (summary) => assertSame(summary, manifest));
}

/** What is to be made again. @throws REPLAY_MISMATCH when definitions are others */
function again(
  views: readonly View[],
  manifest: TrainingManifest,
  { labels, service, signal }: ReplayOptions,
): { readonly views: readonly View[]; readonly options: TrainingOptions & SelectionOptions } {
  if (!isManifest(manifest)) throw mismatch({ digest: "of no manifest" }, ["what was given is no manifest"]);
  const { lookBack, timezone, ...join } = manifest.options;
  const defined = service?.views ?? views;
  const redefined = changedViews(defined, manifest);
  if (redefined.length > 0) throw mismatch(manifest, redefined);
  const options = {
    ...join,
    labels,
    features: manifest.features,
    ...(lookBack === null ? {} : { lookBack }),
    ...(timezone === null ? {} : { timezone }),
    ...(service === undefined ? {} : { service }),
    ...(signal === undefined ? {} : { signal }),
  };
  return { views: defined, options };
}

/** A manifest may come from a file. */
function isManifest(value: unknown): value is TrainingManifest {
  if (typeof value !== "object" || value === null) return false;
  const { digest, features, views, sources, options } = value as Partial<TrainingManifest>;
  const parts = [views, sources, options].every((part) => typeof part === "object" && part !== null);
  return parts && typeof digest === "string" && Array.isArray(features);
}

function assertSame(made: TrainingSummary, manifest: TrainingManifest): void {
  if (made.digest !== manifest.digest) throw mismatch(manifest, changedRows(made.manifest, manifest));
}

function changedViews(views: readonly View[], manifest: TrainingManifest): string[] {
  return Object.entries(manifest.views).flatMap(([name, version]) => {
    const found = views.find((view) => view.name === name)?.version;
    if (found === version) return [];
    return [found === undefined ? `the view "${name}" is not there` : `the view "${name}" is ${found}, not ${version}`];
  });
}

function changedRows(now: TrainingManifest, then: TrainingManifest): string[] {
  const changed: string[] = [];
  if (now.labels !== then.labels) changed.push(`the labels are ${now.labels}, not ${then.labels}`);
  if (now.rows !== then.rows) changed.push(`there are ${now.rows} labels, not ${then.rows}`);
  for (const [name, fingerprint] of Object.entries(then.sources)) {
    const found = now.sources[name] ?? null;
    if (found !== fingerprint) changed.push(`the source "${name}" is ${found}, not ${fingerprint}`);
  }
  return changed.length > 0 ? changed : ["rows of a source or label table without a fingerprint, or a label column"];
}

const mismatch = ({ digest }: Pick<TrainingManifest, "digest">, changed: readonly string[]): Error =>
  featureStoreError("REPLAY_MISMATCH", { digest, changed });
