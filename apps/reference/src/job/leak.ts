import { trainBoostedTrees } from "@ashlar/compute/training";
import type { StepContext } from "@ashlar/orchestration";
import type { RecordBatch } from "apache-arrow";
import { modelFeatures } from "../flights/features.ts";
import { labelSource } from "../flights/labels.ts";
import { toPartBatch } from "../flights/part-files.ts";
import { type Part, splitByPart } from "../flights/parts.ts";
import type { Platform } from "../wire/platform.ts";
import { score, type Score } from "./measure.ts";
import { columnsOf, labelsOf } from "./train.ts";

/** What one would have believed. */
export interface Leak {
  readonly june: Score;
  readonly trainedOn: number;
}

const sampleRows = 300_000;

/**
 * Trains and judges on features that are cut at event time alone: they hold the delays of flights that were still in
 * the air. The score is the one such a mistake shows before it meets production.
 */
export async function measureLeak(
  platform: Platform,
  { table, rows }: { table: number; rows: number },
  context: StepContext,
): Promise<Leak> {
  const store = await platform.featureStore(table);
  const labels = labelSource(await platform.tableAt(table), { rows, wanted: Math.min(rows, sampleRows) });
  const set = await store.trainingSet({
    labels,
    time: "date",
    features: modelFeatures,
    knownAt: false,
    output: { float: "float32" },
    signal: context.signal,
  });
  const features = set.manifest.features;
  const byPart: Record<Part, RecordBatch[]> = { train: [], validate: [], judge: [] };
  for await (const batch of set.batches()) {
    for (const [part, slice] of splitByPart(toPartBatch(batch, features), "date")) byPart[part].push(slice);
  }
  context.progress(0.4, "training on what nobody could have known");
  const model = await trainBoostedTrees({
    data: byPart.train,
    label: "late",
    features,
    rounds: 30,
    maxLeaves: 63,
    learningRate: 0.25,
    workers: 2,
    seed: 7,
    signal: context.signal,
    onProgress: ({ round, rounds }) => context.progress(0.4 + (0.6 * round) / rounds),
  });
  const truth: number[] = [];
  const believed: number[] = [];
  for (const batch of byPart.judge) {
    for (const label of labelsOf(batch)) truth.push(label);
    for (const probability of model.predict({ columns: columnsOf(batch, features) })) believed.push(probability);
  }
  return { june: score(truth, believed), trainedOn: model.summary.rows };
}
