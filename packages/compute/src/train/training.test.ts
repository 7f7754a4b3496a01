import { memoryObjectStore } from "@ashlar/core/memory";
import * as onnxruntime from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { sampleRows } from "../../test/sample-rows.ts";
import {
  auc,
  binDataset,
  modelFromJson,
  type OnnxRuntime,
  parityCertificate,
  type PlainTable,
  readDataset,
  type TableSource,
  trainBoostedTrees,
  type TrainedModel,
  type TrainingOptions,
  trainLogisticRegression,
  trainMlp,
} from "./index.ts";
import { importOnnxRuntime } from "./onnx-runtime.ts";

// The real module satisfies the structural interface: a type test.
const ort: OnnxRuntime = onnxruntime;

type Trainer = (options: TrainingOptions & { data: TableSource; label: string }) => Promise<TrainedModel>;

const data = sampleRows(3000);
const test = sampleRows(1000, 2);
const validation = sampleRows(500, 3);
/** With the two columns that some tests add. */
const held = spoiled(validation, 500);

function spoiled(table: PlainTable, rows: number): PlainTable {
  const same = new Float32Array(rows).fill(1e6);
  const gone = new Float32Array(rows).fill(Number.NaN);
  return { columns: { ...table.columns, same, gone } };
}
const rowsOf = (table: PlainTable) => table as { columns: Record<string, ArrayLike<number>> };

const trainers: [string, Trainer][] = [
  ["logistic regression", (options) => trainLogisticRegression(options)],
  ["MLP", (options) => trainMlp({ ...options, hidden: [9, 5], epochs: 3, batchSize: 100, validation: held })],
  ["boosted trees", (options) => trainBoostedTrees({ ...options, rounds: 12, maxLeaves: 9, validation: held })],
  ["subsampled trees", (options) => trainBoostedTrees({ ...options, rounds: 5, subsample: 0.6, maxDepth: 3 })],
];

/** The saved form without the wall time. */
function bits(model: TrainedModel): string {
  const json = model.toJSON();
  return JSON.stringify({ ...json, summary: { ...json.summary, seconds: 0 } });
}

describe.each(trainers)("%s", (_, train) => {
  it("gives the same bits with 1, 2, 4 and 7 workers, and with more than rows", async () => {
    const one = await train({ data, label: "late", seed: 7, workers: 1 });
    for (const workers of [2, 4, 7]) {
      expect(bits(await train({ data, label: "late", seed: 7, workers }))).toBe(bits(one));
    }
    // More workers than rows, and shards without any.
    const few = sampleRows(9, 4);
    const alone = await train({ data: few, label: "late", seed: 7 });
    expect(bits(await train({ data: few, label: "late", seed: 7, workers: 11 }))).toBe(bits(alone));
  });

  it("predicts better than chance, as ONNX the same, and from JSON the same bits", async () => {
    const model = await train({ data, label: "late", seed: 7, workers: 2 });
    const probabilities = model.predict(rowsOf(test));
    expect(auc(test.columns["late"] as ArrayLike<number>, probabilities)).toBeGreaterThan(0.62);

    const onnx = model.toOnnx();
    const certificate = await parityCertificate(model, onnx, rowsOf(test), { ort });
    expect(certificate).toMatchObject({ passed: true, rows: 1000, differentLabels: 0 });
    expect(certificate.differentLeaves ?? 0).toBe(0);

    const again = modelFromJson(JSON.parse(JSON.stringify(model)));
    expect(again.predict(await readDataset(test, { label: "late" }))).toEqual(probabilities);
    expect(again.toOnnx()).toEqual(onnx);
    expect(bits(again)).toBe(bits(model));
  });

  it("copes with constant and wholly missing columns", async () => {
    const model = await train({ data: spoiled(data, 3000), label: "late", seed: 1 });
    const sample = { columns: { ...test.columns, same: new Float32Array(1000).fill(5), gone: new Float32Array(1000) } };
    const certificate = await parityCertificate(model, model.toOnnx(), rowsOf(sample), { ort });
    expect(certificate.passed).toBe(true);
  });

  it("answers at once from the checkpoint of a finished training, and refuses one of other data", async () => {
    const checkpoint = { store: memoryObjectStore(), key: "run", every: 2 };
    const first = await train({ data, label: "late", seed: 7, workers: 2, checkpoint });
    let steps = 0;
    const again = await train({ data, label: "late", seed: 7, checkpoint, onProgress: () => (steps += 1) });
    expect(bits(again)).toBe(bits(first));
    expect(steps).toBe(0);
    await expect(train({ data: sampleRows(3000, 9), label: "late", seed: 7, checkpoint })).rejects.toMatchObject({
      code: "CHECKPOINT_MISMATCH",
      message: expect.stringContaining("its data is"),
    });
  });

  it("stops when aborted", async () => {
    const controller = new AbortController();
    const run = train({ data, label: "late", signal: controller.signal, onProgress: () => controller.abort() });
    await expect(run).rejects.toMatchObject({ name: "AbortError" });
  });
});

it.each([
  ["so small that one over them is no float32", 1e-40],
  ["as large as a float32 can be", 4e37],
])("a logistic regression tells classes apart by numbers %s", async (_, unit) => {
  const x = Float32Array.from({ length: 90 }, (__, i) => (i % 9) * unit);
  const late = Array.from(x, (value) => (value > 4 * unit ? 1 : 0));
  const model = await trainLogisticRegression({ data: { columns: { x, late } }, label: "late" });
  const sample = { columns: { x } };
  expect(auc(late, model.predict(sample))).toBe(1);
  const certificate = await parityCertificate(model, model.toOnnx(), sample, { ort });
  expect(certificate.passed).toBe(true);
});

it("a column of two neighbours among float32, such as times, is no constant", async () => {
  const time = Float32Array.from({ length: 100 }, (_, i) => 1.7e9 + 128 * (i % 2));
  const late = Array.from(time, (_, i) => (i % 2 === 1 && i % 3 > 0 ? 1 : 0));
  const { coefficients } = await trainLogisticRegression({ data: { columns: { time, late } }, label: "late" });
  // Log odds per standard deviation, not per second.
  expect(coefficients[0]).toBeGreaterThan(1);
});

it("models keep to the features and widths they were asked for, whatever becomes of the lists", async () => {
  const features = ["a", "b"];
  const hidden = [3];
  const runs = [
    trainMlp({ data, label: "late", features, hidden, epochs: 1, validation }),
    trainBoostedTrees({ data, label: "late", features, rounds: 1 }),
  ];
  const models = await Promise.all(
    runs.map(async (run) => {
      hidden[0] = 5;
      return await run;
    }),
  );
  features.push("late");
  for (const model of models) expect(model.predict(Float32Array.of(1, 0)).length).toBe(1);
});

it("an MLP watches validation rows of one class", async () => {
  const one = { columns: { a: [1], b: [0], late: [true] } };
  const options = { data, label: "late", features: ["a", "b"], hidden: [3], epochs: 2 };
  const { summary } = await trainMlp({ ...options, validation: one });
  expect(summary.validationLosses.length).toBe(2);
});

describe("boosted trees", () => {
  it("learn where missing values go", async () => {
    const x = Float32Array.from({ length: 400 }, (_, i) => (i % 2 === 0 ? Number.NaN : i));
    const late = Array.from({ length: 400 }, (_, i) => (i % 2 === 0 ? 1 : 0));
    const model = await trainBoostedTrees({ data: { columns: { x, late } }, label: "late", rounds: 30 });
    expect(model.predict(Float32Array.of(Number.NaN, 5))).toSatisfy(([a, b]: number[]) => a! > 0.9 && b! < 0.1);
    expect(model.importance()[0]?.feature).toBe("x");
  });

  it("stop early and keep the best round", async () => {
    const model = await trainBoostedTrees({
      data,
      label: "late",
      validation,
      rounds: 500,
      earlyStopping: 5,
      learningRate: 0.5,
    });
    const { rounds, validationLosses } = model.summary;
    expect(validationLosses.length).toBe(rounds + 5);
    expect(Math.min(...validationLosses)).toBe(validationLosses[rounds - 1]);
    expect(model.trees.length).toBe(rounds);
  });
});

describe("what is refused", () => {
  const invalid = (name: string) =>
    expect.objectContaining({ code: "HYPERPARAMETER_INVALID", message: expect.stringContaining(name) });

  it("names the hyperparameter before anything is trained", async () => {
    await expect(trainBoostedTrees({ data, label: "late", rounds: 0 })).rejects.toEqual(invalid("rounds"));
    await expect(trainBoostedTrees({ data, label: "late", subsample: 0 })).rejects.toEqual(invalid("subsample"));
    await expect(trainMlp({ data, label: "late", hidden: [0] })).rejects.toEqual(invalid("hidden[0]"));
    await expect(trainLogisticRegression({ data, label: "late", l2: -1 })).rejects.toEqual(invalid("l2"));
    await expect(trainLogisticRegression({ data, label: "late", workers: 17 })).rejects.toEqual(invalid("workers"));
    const checkpoint = { store: memoryObjectStore(), key: "k", every: 0 };
    await expect(trainMlp({ data, label: "late", checkpoint })).rejects.toEqual(invalid("checkpoint.every"));
  });

  // As from an environment variable or a JSON file, past the types.
  it("takes no text for a number, nor one thing for a list of it", async () => {
    const settings = (json: string) => ({ data, label: "late", ...(JSON.parse(json) as object) });
    const trees = trainBoostedTrees(settings('{ "l2": "1" }'));
    await expect(trees).rejects.toEqual(invalid('l2 is "1", but it must be a number from 0'));
    await expect(trainMlp(settings('{ "learningRate": "0.1" }'))).rejects.toEqual(invalid('learningRate is "0.1"'));
    await expect(trainMlp(settings('{ "hidden": 64 }'))).rejects.toEqual(invalid("hidden is 64"));
    await expect(trainMlp(settings('{ "features": "a" }'))).rejects.toMatchObject({ code: "DATASET_INVALID" });
  });

  it("names the option that asks for more memory than there is", async () => {
    const hidden = Array.from({ length: 100_000 }, () => 4096);
    await expect(trainMlp({ data, label: "late", hidden })).rejects.toEqual(invalid("The option hidden is 4096,4096"));
  });

  it("takes no data set that was read for another label or features, nor validation in other bins", async () => {
    const binned = await binDataset(data, { label: "late", features: ["a", "b"] });
    const code = "DATASET_INVALID";
    await expect(trainBoostedTrees({ data: binned, label: "noise" })).rejects.toMatchObject({ code });
    const features = ["b", "a"];
    await expect(trainBoostedTrees({ data: binned, label: "late", features })).rejects.toMatchObject({ code });
    await expect(trainMlp({ data: await readDataset(data, { label: "late" }), label: "a" })).rejects.toMatchObject({
      code,
    });
    const other = await binDataset(validation, { label: "late", features: ["a", "b"] });
    await expect(trainBoostedTrees({ data: binned, label: "late", validation: other })).rejects.toMatchObject({
      code,
      message: expect.stringContaining("other bins"),
    });
    const like = await binDataset(validation, { label: "late", like: binned });
    const options = { data: binned, label: "late", rounds: 3 };
    const model = await trainBoostedTrees({ ...options, validation: like });
    expect(bits(model)).toBe(bits(await trainBoostedTrees({ ...options, validation })));
  });

  it("tells that the loss diverged", async () => {
    const run = trainMlp({ data, label: "late", learningRate: 1e200, epochs: 2, workers: 2 });
    await expect(run).rejects.toMatchObject({ code: "TRAINING_DIVERGED" });
    // In the one step there is, whose loss nobody measures.
    const last = trainMlp({ data, label: "late", learningRate: 1e40, epochs: 1, batchSize: 3000 });
    await expect(last).rejects.toMatchObject({ code: "TRAINING_DIVERGED" });
  });

  it("tells what is wrong with rows, JSON and a missing library", async () => {
    const model = await trainLogisticRegression({ data, label: "late" });
    const wrongRows = expect.objectContaining({ code: "PREDICTION_INPUT_INVALID" });
    expect(() => model.predict(new Float32Array(7))).toThrow(wrongRows);
    expect(() => model.predict({ columns: { a: [1] } })).toThrow(wrongRows);
    const wrongJson = expect.objectContaining({ code: "MODEL_JSON_INVALID" });
    const json = model.toJSON();
    expect(() => modelFromJson({ ...json, kind: "forest" })).toThrow(wrongJson);
    expect(() => modelFromJson({ ...json, features: ["a"] })).toThrow(wrongJson);
    expect(() => modelFromJson(null)).toThrow(wrongJson);
    await expect(importOnnxRuntime("no-such-runtime")).rejects.toMatchObject({ code: "LIBRARY_MISSING" });
    const trees = await trainBoostedTrees({ data, label: "late", rounds: 1 });
    const loop = JSON.parse(JSON.stringify(trees)) as { parameters: { trees: { left: number[] }[] } };
    loop.parameters.trees[0]!.left[0] = 0;
    expect(() => modelFromJson(loop)).toThrow(wrongJson);
  });

  it("finds an ONNX file that is another model's", async () => {
    const model = await trainBoostedTrees({ data, label: "late", rounds: 3 });
    const other = await trainBoostedTrees({ data, label: "late", rounds: 3, learningRate: 0.3 });
    const certificate = await parityCertificate(model, other.toOnnx(), rowsOf(test), { ort });
    expect(certificate.passed).toBe(false);
    expect(certificate.maxDifference).toBeGreaterThan(1e-3);
  });
});
