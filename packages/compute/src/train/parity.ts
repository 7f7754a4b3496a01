import { createHash } from "node:crypto";
import { computeError } from "../errors.ts";
import { decodeOnnx } from "../onnx/decode.ts";
import { encodeOnnx } from "../onnx/encode.ts";
import { onnxModel, onnxNode, tensorInfo } from "../onnx/build.ts";
import type { BoostedTreesModel } from "./boosted-trees-model.ts";
import type { TrainedModel } from "./model.ts";
import { importOnnxRuntime, type OnnxRuntime, type OnnxTensorLike } from "./onnx-runtime.ts";
import { countRows, eachBlock, type PredictionRows } from "./prediction-rows.ts";

/** Evidence that an ONNX file computes what the trainer computes. */
export interface ParityCertificate {
  /** SHA-256 of the ONNX file, hexadecimal. */
  readonly onnxSha256: string;
  /** Rows compared. */
  readonly rows: number;
  /** Largest difference of a probability. */
  readonly maxDifference: number;
  /** Rows whose label differs. */
  readonly differentLabels: number;
  /** Rows that reach another leaf in some tree; undefined for models without trees. */
  readonly differentLeaves?: number;
  /** `maxDifference` is at most 1e-6, no label differs but at probability 0.5 ± 1e-6, and no leaf differs. */
  readonly passed: boolean;
}

const TOLERANCE = 1e-6;

/**
 * Runs the ONNX file in onnxruntime on sample rows and compares it with the trainer's own predictions.
 *
 * @param options.ort the module `onnxruntime-node`, imported when left out
 * @throws LIBRARY_MISSING, PREDICTION_INPUT_INVALID, ONNX_MALFORMED
 */
export async function parityCertificate(
  model: TrainedModel,
  onnx: Uint8Array,
  sample: PredictionRows,
  options: { readonly ort?: OnnxRuntime; readonly signal?: AbortSignal } = {},
): Promise<ParityCertificate> {
  const ort = options.ort ?? (await importOnnxRuntime());
  const rows = countRows(sample, model.features);
  const probabilities = model.predict(sample);
  let maxDifference = 0;
  let differentLabels = 0;
  await eachRun(ort, onnx, sample, model.features, options.signal, (outputs, firstRow, count) => {
    const found = outputs["probability"]?.data;
    const labels = outputs["label"]?.data;
    for (let i = 0; i < count; i++) {
      const expected = probabilities[firstRow + i]!;
      const difference = found instanceof Float32Array ? Math.abs(found[i]! - expected) : Infinity;
      // Written so that NaN counts as a difference.
      if (!(difference <= maxDifference)) maxDifference = difference;
      const label = labels instanceof BigInt64Array ? Number(labels[i]) : -1;
      if (label !== (expected > 0.5 ? 1 : 0) && Math.abs(expected - 0.5) > TOLERANCE) differentLabels += 1;
    }
  });
  const differentLeaves = isBoostedTrees(model)
    ? await countLeaves(ort, model, onnx, sample, options.signal)
    : undefined;
  return {
    onnxSha256: createHash("sha256").update(onnx).digest("hex"),
    rows,
    maxDifference,
    differentLabels,
    ...(differentLeaves === undefined ? {} : { differentLeaves }),
    passed: maxDifference <= TOLERANCE && differentLabels === 0 && (differentLeaves ?? 0) === 0,
  };
}

function isBoostedTrees(model: TrainedModel): model is BoostedTreesModel {
  return model.kind === "boosted-trees";
}

async function countLeaves(
  ort: OnnxRuntime,
  model: BoostedTreesModel,
  onnx: Uint8Array,
  sample: PredictionRows,
  signal: AbortSignal | undefined,
): Promise<number> {
  const trees = model.trees.length;
  const expected = model.leaves(sample);
  let different = 0;
  await eachRun(
    ort,
    leafModel(onnx, model.features.length, trees),
    sample,
    model.features,
    signal,
    (outputs, first, count) => {
      const found = outputs["leaves"]?.data;
      for (let i = 0; i < count; i++) {
        for (let t = 0; t < trees; t++) {
          if (found instanceof Float32Array && found[i * trees + t] === expected[(first + i) * trees + t]) continue;
          different += 1;
          break;
        }
      }
    },
  );
  return different;
}

/** The same trees, taken from the ONNX file, where each leaf gives its number to an output of its tree. */
function leafModel(onnx: Uint8Array, features: number, trees: number): Uint8Array {
  const node = decodeOnnx(onnx).graph.nodes.find(({ operator }) => operator === "TreeEnsembleRegressor");
  if (node === undefined)
    throw computeError("ONNX_MALFORMED", { reason: "it has no TreeEnsembleRegressor", offset: 0 });
  const ints = (name: string): number[] => {
    const attribute = node.attributes[name];
    return attribute !== undefined && "ints" in attribute ? Array.from(attribute.ints) : [];
  };
  const attributes = {
    ...node.attributes,
    n_targets: { int: trees },
    base_values: { floats: new Float32Array(trees) },
    target_ids: { ints: ints("target_treeids") },
    target_weights: { floats: Float32Array.from(ints("target_nodeids")) },
  };
  return encodeOnnx(
    onnxModel({
      name: "leaves",
      nodes: [onnxNode("TreeEnsembleRegressor", ["features"], ["leaves"], attributes, "ai.onnx.ml")],
      inputs: [tensorInfo("features", "float32", ["N", features])],
      outputs: [tensorInfo("leaves", "float32", ["N", trees])],
    }),
  );
}

async function eachRun(
  ort: OnnxRuntime,
  onnx: Uint8Array,
  sample: PredictionRows,
  features: readonly string[],
  signal: AbortSignal | undefined,
  visit: (outputs: Readonly<Record<string, OnnxTensorLike>>, firstRow: number, rows: number) => void,
): Promise<void> {
  const blocks: { readonly data: Float32Array; readonly rows: number; readonly firstRow: number }[] = [];
  eachBlock(sample, features, (data, rows, firstRow) => blocks.push({ data: data.slice(), rows, firstRow }));
  const session = await ort.InferenceSession.create(onnx, { intraOpNumThreads: 1 });
  try {
    for (const { data, rows, firstRow } of blocks) {
      signal?.throwIfAborted();
      const outputs = await session.run({ features: new ort.Tensor("float32", data, [rows, features.length]) });
      visit(outputs, firstRow, rows);
    }
  } finally {
    await session.release();
  }
}
