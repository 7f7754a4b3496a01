import {
  trainBoostedTrees,
  trainLogisticRegression,
  trainMlp,
  type TrainedModel,
  type TrainingProgress,
} from "@ashlar/compute/training";
import type { StepContext } from "@ashlar/orchestration";
import type { RecordBatch } from "apache-arrow";
import { evenSample } from "../flights/batches.ts";
import { type PartFile, readPart } from "../flights/part-files.ts";
import type { Platform } from "../wire/platform.ts";
import type { JoinedFeatures } from "./features.ts";
import { score, type Score } from "./measure.ts";

export type Trainer = "logistic" | "mlp" | "trees";

/** A trained model: its files are in the artifact store. */
export interface Trained {
  readonly name: Trainer;
  readonly onnx: string;
  readonly json: string;
  readonly seconds: number;
  readonly trainedOn: number;
  /** On the last two weeks of May: chooses. */
  readonly validation: Score;
  /** On June: judges. */
  readonly june: Score;
}

const workers = 2;
const seed = 7;

/** Trains one model, with checkpoints, and scores it on rows after those it has seen. */
export async function train(
  platform: Platform,
  { name, set }: { name: Trainer; set: JoinedFeatures; table: number },
  context: StepContext,
): Promise<Trained> {
  const started = performance.now();
  const data = partRows(platform, name === "trees" ? set.parts.train : set.parts.sample);
  const validation = partRows(platform, set.parts.validate);
  const progress = ({ round, rounds, loss, validationLoss }: TrainingProgress): void =>
    context.progress(round / rounds, `round ${round} of ${rounds}, log loss ${(validationLoss ?? loss).toFixed(4)}`);
  const shared = {
    data,
    label: "late",
    features: set.features,
    workers,
    seed,
    signal: context.signal,
    onProgress: progress,
    checkpoint: { store: platform.checkpoints, key: `${context.runId}/${name}`, every: "10s" },
  } as const;
  const model: TrainedModel =
    name === "trees"
      ? await trainBoostedTrees({ ...shared, validation, rounds: 60, maxLeaves: 63, learningRate: 0.25 })
      : name === "mlp"
        ? await trainMlp({ ...shared, validation, hidden: [32], epochs: 5 })
        : await trainLogisticRegression(shared);

  const onnx = await platform.artifacts.putBlob(model.toOnnx());
  const json = await platform.artifacts.putBlob(new TextEncoder().encode(JSON.stringify(model.toJSON())));
  context.lineage({
    inputs: [{ namespace: "training-set", name: set.digest }],
    outputs: [{ namespace: "model", name: `${name}@${onnx.digest}` }],
  });
  return {
    name,
    onnx: onnx.digest,
    json: json.digest,
    seconds: (performance.now() - started) / 1000,
    trainedOn: model.summary.rows,
    validation: await judge(platform, model, set.parts.validate),
    june: await judge(platform, model, set.parts.judge),
  };
}

/** A part of the training set, read anew for each pass; with `wanted`, an even sample of so many rows. */
export function partRows(
  platform: Platform,
  file: PartFile,
  wanted: number = file.rows,
): () => AsyncIterable<RecordBatch> {
  return async function* () {
    const take = evenSample(file.rows, Math.min(wanted, file.rows));
    for await (const batch of readPart(platform.artifacts, file.digest)) yield take(batch);
  };
}

/** Scores a model on a part. */
export async function judge(platform: Platform, model: TrainedModel, file: PartFile): Promise<Score> {
  const labels = new Uint8Array(file.rows);
  const probabilities = new Float64Array(file.rows);
  let row = 0;
  for await (const batch of partRows(platform, file)()) {
    labels.set(labelsOf(batch), row);
    probabilities.set(model.predict({ columns: columnsOf(batch, model.features) }), row);
    row += batch.numRows;
  }
  return score(labels, probabilities);
}

export function labelsOf(batch: RecordBatch): Uint8Array {
  const late = batch.getChild("late");
  return Uint8Array.from({ length: batch.numRows }, (_, row) => (late?.get(row) === true ? 1 : 0));
}

export function columnsOf(batch: RecordBatch, features: readonly string[]): Record<string, Float32Array> {
  return Object.fromEntries(features.map((name) => [name, batch.getChild(name)?.toArray() as Float32Array]));
}
