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
  /** Largest difference of a probability; Infinity when one of the two is no number. */
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
 * @throws LIBRARY_MISSING, PREDICTION_INPUT_INVALID, and ONNX_MALFORMED when the runtime cannot run it on such rows
 */
export async function parityCertificate(
  model: TrainedModel,
  onnx: Uint8Array,
  sample: PredictionRows,
  options: { readonly ort?: OnnxRuntime; readonly signal?: AbortSignal } = {},
): Promise<ParityCertificate> {
  const ort = options.ort ?? (await importOnnxRuntime());
  const rows = countRows(sample, model.features);
  if (rows === 0) {
    const what = "there are none, and no rows are no evidence";
    throw computeError("PREDICTION_INPUT_INVALID", { what, features: model.features.length });
  }
  const probabilities = model.predict(sample);
  let maxDifference = 0;
  let differentLabels = 0;
  await eachRun(ort, onnx, sample, model.features, options.signal, (outputs, firstRow, count) => {
    const found = outputs["probability"]?.data;
    const labels = outputs["label"]?.data;
    for (let i = 0; i < count; i++) {
      const expected = probabilities[firstRow + i]!;
      const difference = found instanceof Float32Array ? Math.abs(found[i]! - expected) : Infinity;
      maxDifference = Math.max(maxDifference, Number.isNaN(difference) ? Infinity : difference);
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
  const leaves = leafModel(onnx, model.features.length);
  if (leaves.trees !== trees) return expected.length / trees;
  let different = 0;
  await eachRun(ort, leaves.onnx, sample, model.features, signal, (outputs, first, count) => {
    const found = outputs["leaves"]?.data;
    for (let i = 0; i < count; i++) {
      for (let t = 0; t < trees; t++) {
        if (found instanceof Float32Array && found[i * trees + t] === expected[(first + i) * trees + t]) continue;
        different += 1;
        break;
      }
    }
  });
  return different;
}

/** The same trees, taken from the ONNX file, where each leaf gives its number to an output of its tree. */
function leafModel(onnx: Uint8Array, features: number): { readonly onnx: Uint8Array; readonly trees: number } {
  const node = decodeOnnx(onnx).graph.nodes.find(({ operator }) => operator === "TreeEnsembleRegressor");
  if (node === undefined) throw malformed("it has no TreeEnsembleRegressor");
  const ints = (name: string): number[] => {
    const attribute = node.attributes[name];
    return attribute !== undefined && "ints" in attribute ? Array.from(attribute.ints) : [];
  };
  const trees = ints("target_treeids").reduce((most, tree) => Math.max(most, tree + 1), 0);
  const attributes = {
    ...node.attributes,
    n_targets: { int: trees },
    base_values: { floats: new Float32Array(trees) },
    target_ids: { ints: ints("target_treeids") },
    target_weights: { floats: Float32Array.from(ints("target_nodeids")) },
  };
  const graph = onnxModel({
    name: "leaves",
    nodes: [onnxNode("TreeEnsembleRegressor", ["features"], ["leaves"], attributes, "ai.onnx.ml")],
    inputs: [tensorInfo("features", "float32", ["N", features])],
    outputs: [tensorInfo("leaves", "float32", ["N", trees])],
  });
  return { onnx: encodeOnnx(graph), trees };
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
  const session = await ort.InferenceSession.create(onnx, { intraOpNumThreads: 1 }).catch(refused);
  try {
    for (const { data, rows, firstRow } of blocks) {
      signal?.throwIfAborted();
      const feeds = { features: new ort.Tensor("float32", data, [rows, features.length]) };
      visit(await session.run(feeds).catch(refused), firstRow, rows);
    }
  } finally {
    await session.release();
  }
}

function refused(cause: unknown): never {
  throw malformed(`the runtime says "${cause instanceof Error ? cause.message : String(cause)}"`, cause);
}

function malformed(reason: string, cause?: unknown): Error {
  return computeError("ONNX_MALFORMED", { reason, offset: 0 }, { cause });
}
