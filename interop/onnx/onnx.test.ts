import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  auc,
  logLoss,
  parityCertificate,
  type TrainedModel,
  trainBoostedTrees,
  trainLogisticRegression,
  trainMlp,
} from "@ashlar/compute/training";
import { beforeAll, describe, expect, it } from "vitest";

const python = process.env["ASHLAR_PYTHON"] ?? fileURLToPath(new URL("../../.venv/bin/python", import.meta.url));
const script = fileURLToPath(new URL("./check.py", import.meta.url));
const available = existsSync(python) && spawnSync(python, ["-c", "import onnx, sklearn"]).status === 0;

interface BreastCancer {
  readonly columns: Record<string, number[]>;
  readonly labels: number[];
  readonly coefficients: number[];
  readonly intercept: number;
  readonly treesAuc: number;
}

function ask<Answer>(request: Record<string, unknown>): Answer {
  const output = execFileSync(python, [script], { input: JSON.stringify(request), maxBuffer: 1 << 26 });
  return JSON.parse(output.toString()) as Answer;
}

// On CI the Python packages are mandatory: without them the first request fails.
const run = available || process.env["CI"] !== undefined;

describe.skipIf(!run)(`onnx and scikit-learn (python packages onnx, scikit-learn at ASHLAR_PYTHON)`, () => {
  let reference: BreastCancer;
  let models: TrainedModel[];
  let data: { columns: Record<string, number[]> };

  beforeAll(async () => {
    reference = ask<BreastCancer>({ do: "breast_cancer" });
    data = { columns: { ...reference.columns, benign: reference.labels } };
    const options = { data, label: "benign", workers: 2, seed: 1 };
    models = [
      await trainLogisticRegression(options),
      await trainMlp({ ...options, batchSize: 32 }),
      await trainBoostedTrees({ ...options, rounds: 20 }),
    ];
  });

  it("the checker accepts every exported model in full, with the contract's names", () => {
    for (const model of models) {
      const onnx = Buffer.from(model.toOnnx()).toString("base64");
      expect(ask({ do: "check", onnx })).toMatchObject({
        ir: 8,
        opsets: { "": 17, "ai.onnx.ml": 3 },
        inputs: ["features"],
        outputs: ["label", "probability"],
      });
    }
  });

  it("onnxruntime agrees with the trainer", async () => {
    for (const model of models) {
      const certificate = await parityCertificate(model, model.toOnnx(), { columns: reference.columns });
      expect(certificate.passed, `${model.kind}: ${certificate.maxDifference}`).toBe(true);
    }
  });

  it("logistic regression has scikit-learn's coefficients to 1e-4", async () => {
    const model = await trainLogisticRegression({ data, label: "benign", l2: 1 });
    const [first, second] = model.coefficients;
    expect(Math.abs(first! - -0.363171)).toBeLessThan(1e-4);
    expect(Math.abs(second! - -0.387703)).toBeLessThan(1e-4);
    expect(Math.abs(model.intercept - 0.214566)).toBeLessThan(1e-4);
    model.coefficients.forEach((value, f) => expect(Math.abs(value - reference.coefficients[f]!)).toBeLessThan(1e-4));
    expect(Math.abs(model.intercept - reference.intercept)).toBeLessThan(1e-4);
  });

  it("boosted trees rank held-out rows as well as HistGradientBoosting, to 0.01 AUC", async () => {
    const pick = (held: boolean) => (values: number[]) => values.filter((_, i) => (i % 3 === 0) === held);
    const part = (held: boolean) =>
      Object.fromEntries(Object.entries(data.columns).map(([name, values]) => [name, pick(held)(values)]));
    const model = await trainBoostedTrees({
      data: { columns: part(false) },
      label: "benign",
      rounds: 50,
      maxLeaves: 31,
    });
    const probabilities = model.predict({ columns: part(true) });
    expect(auc(pick(true)(reference.labels), probabilities)).toBeGreaterThan(reference.treesAuc - 0.01);
  });

  it("metrics are scikit-learn's", () => {
    const probabilities = Array.from(
      models[2]!.predict({ columns: reference.columns }),
      (p) => Math.round(p * 20) / 20,
    );
    const clipped = probabilities.map((p) => Math.min(Math.max(p, 0.01), 0.99));
    const theirs = ask<{ auc: number; logLoss: number }>({
      do: "metrics",
      labels: reference.labels,
      probabilities: clipped,
    });
    expect(auc(reference.labels, clipped)).toBeCloseTo(theirs.auc, 12);
    expect(logLoss(reference.labels, clipped)).toBeCloseTo(theirs.logLoss, 12);
  });
});
