import type { RecordBatch } from "apache-arrow";
import type { View } from "../define/selection.ts";
import { featureStoreError } from "../errors.ts";
import type { OfflineEngine } from "../offline/port.ts";
import { digestStep } from "./digest.ts";
import { withPlainStrings } from "./plain-strings.ts";
import { trainingRows } from "./rows.ts";
import type { TrainingSink } from "./sink.ts";
import { TrainingJoin, type TrainingSummary } from "./training-join.ts";
import type { SelectionOptions, TrainingOptions } from "./training-options.ts";

export interface WriteOptions {
  /** Where the rows go, as they are joined. */
  readonly to: TrainingSink;
  /**
   * How many labels are in memory at a time, with their features, rounded up to a multiple of 64; default 1,048,576. Windows
   * go through the rows of the source once for each part.
   */
  readonly rowsPerPart?: number;
}

/**
 * Joins labels part by part into a sink: what is in memory does not grow with the labels.
 *
 * @throws SINK_ENDED_EARLY when the sink resolves before it has had all batches, and what joins and the sink throw
 * @param check of what was made, before the sink is told that it is all: when it throws, nothing is kept
 */
export async function writeTrainingSet(
  engine: OfflineEngine,
  views: readonly View[],
  options: TrainingOptions & SelectionOptions & WriteOptions,
  check: (summary: TrainingSummary) => void = () => undefined,
): Promise<TrainingSummary> {
  const { to, rowsPerPart = 1_048_576, signal } = options;
  const join = new TrainingJoin(engine, views, options);
  const step = Math.max(1, Math.ceil(rowsPerPart / digestStep)) * digestStep;
  let summary: TrainingSummary | undefined;

  async function* batches(): AsyncIterable<RecordBatch> {
    for await (const { labels, features } of join.parts(step)) {
      for await (const batch of trainingRows(() => labels.batches(), features).batches()) yield withPlainStrings(batch);
    }
    summary = await join.summary();
    check(summary);
  }

  await to.append(batches(), signal === undefined ? {} : { signal });
  if (summary === undefined) throw featureStoreError("SINK_ENDED_EARLY", {});
  return summary;
}
