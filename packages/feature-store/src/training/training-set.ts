import type { View } from "../define/selection.ts";
import type { OfflineEngine } from "../offline/port.ts";
import { type TrainingRows, trainingRows } from "./rows.ts";
import { TrainingJoin, type JoinedPart, type TrainingSummary } from "./training-join.ts";
import type { SelectionOptions, TrainingOptions } from "./training-options.ts";

/** Labels with their features, in memory. Columns: those of the labels, then the features, named `view:feature`. */
export interface TrainingSet<Row = Readonly<Record<string, unknown>>> extends TrainingRows, TrainingSummary {
  /** The features of one row. */
  row(index: number): Row;
}

/** @see createFeatureStore, whose `trainingSet` this is. The caller states what a row is, from the selection. */
export async function makeTrainingSet<Row>(
  engine: OfflineEngine,
  views: readonly View[],
  options: TrainingOptions & SelectionOptions,
): Promise<TrainingSet<Row>> {
  const join = new TrainingJoin(engine, views, options);
  const parts: JoinedPart[] = [];
  for await (const part of join.parts()) parts.push(part);
  const { labels, features } = parts[0] as JoinedPart;
  return {
    ...(await join.summary()),
    row: (index) => Object.fromEntries(features.map((column) => [column.name, column.get(index)])) as Row,
    ...trainingRows(() => labels.batches(), features),
  };
}
