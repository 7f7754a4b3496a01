import { onnxNode } from "../onnx/build.ts";
import { exportClassifier, SCORE } from "./export-onnx.ts";
import { type ModelJson, sigmoid, type TrainedModel } from "./model.ts";
import { countRows, eachBlock, type PredictionRows } from "./prediction-rows.ts";
import type { TrainingSummary } from "./summary.ts";

/** A tree over feature values: rows with `value <= threshold` go left. Arrays are indexed by node; node 0 is the root. */
export interface ValueTree {
  /** Feature the node splits on, -1 in a leaf. */
  readonly feature: readonly number[];
  /** Exactly a float32. */
  readonly threshold: readonly number[];
  readonly missingLeft: readonly boolean[];
  readonly left: readonly number[];
  readonly right: readonly number[];
  /** Log odds the leaf adds; 0 elsewhere. */
  readonly value: readonly number[];
  /** Reduction of the training loss by the split. */
  readonly gain: readonly number[];
}

export interface BoostedTreesModel extends TrainedModel {
  readonly kind: "boosted-trees";
  readonly trees: readonly ValueTree[];
  /** Number of the leaf that each row reaches in each tree: `rows x trees`, row-major. */
  leaves(rows: PredictionRows): Int32Array;
  /** Total reduction of the training loss by feature, largest first. */
  importance(): { readonly feature: string; readonly gain: number }[];
}

export interface BoostedTreesParts {
  readonly features: readonly string[];
  readonly label: string;
  readonly summary: TrainingSummary;
  /** Log odds before the first tree; exactly a float32. */
  readonly baseScore: number;
  readonly trees: readonly ValueTree[];
}

export function boostedTreesModel(parts: BoostedTreesParts): BoostedTreesModel {
  const { features, label, summary, trees, baseScore } = parts;
  const forest = flatten(trees);
  return {
    kind: "boosted-trees",
    features,
    label,
    summary,
    trees,
    predict(rows) {
      const result = new Float64Array(countRows(rows, features));
      eachBlock(rows, features, (block, count, firstRow) => {
        for (let i = 0; i < count; i++) {
          let score = baseScore;
          for (const root of forest.roots) score += forest.value[findLeaf(forest, root, block, i * features.length)]!;
          result[firstRow + i] = sigmoid(score);
        }
      });
      return result;
    },
    leaves(rows) {
      const result = new Int32Array(countRows(rows, features) * trees.length);
      eachBlock(rows, features, (block, count, firstRow) => {
        for (let i = 0; i < count; i++) {
          forest.roots.forEach((root, t) => {
            const leaf = findLeaf(forest, root, block, i * features.length) - root;
            result[(firstRow + i) * trees.length + t] = leaf;
          });
        }
      });
      return result;
    },
    importance() {
      const gains = features.map((feature) => ({ feature, gain: 0 }));
      for (const tree of trees) {
        tree.feature.forEach((f, i) => {
          if (f >= 0) gains[f]!.gain += tree.gain[i]!;
        });
      }
      return gains.sort((a, b) => b.gain - a.gain);
    },
    toOnnx() {
      const nodes = [onnxNode("TreeEnsembleRegressor", ["features"], [SCORE], treeAttributes(parts), "ai.onnx.ml")];
      return exportClassifier({ kind: "boosted-trees", features, label, nodes, initializers: [] });
    },
    toJSON(): ModelJson {
      const format = "ashlar-model-1";
      return { format, kind: "boosted-trees", features, label, summary, parameters: { baseScore, trees } };
    },
  };
}

/** All trees in one set of arrays: following a row touches no objects. */
interface Forest {
  readonly roots: readonly number[];
  readonly feature: Int32Array;
  readonly threshold: Float32Array;
  readonly missingLeft: Uint8Array;
  readonly left: Int32Array;
  readonly right: Int32Array;
  readonly value: Float64Array;
}

function flatten(trees: readonly ValueTree[]): Forest {
  const roots: number[] = [];
  let nodes = 0;
  for (const tree of trees) {
    roots.push(nodes);
    nodes += tree.feature.length;
  }
  const base = trees.flatMap((tree, t) => tree.feature.map(() => roots[t]!));
  return {
    roots,
    feature: Int32Array.from(trees.flatMap((tree) => tree.feature)),
    threshold: Float32Array.from(trees.flatMap((tree) => tree.threshold)),
    missingLeft: Uint8Array.from(trees.flatMap((tree) => tree.missingLeft).map(Number)),
    left: Int32Array.from(trees.flatMap((tree) => tree.left).map((node, i) => node + base[i]!)),
    right: Int32Array.from(trees.flatMap((tree) => tree.right).map((node, i) => node + base[i]!)),
    value: Float64Array.from(trees.flatMap((tree) => tree.value)),
  };
}

function findLeaf(forest: Forest, root: number, block: Float32Array, base: number): number {
  let node = root;
  for (let f = forest.feature[node]!; f >= 0; f = forest.feature[node]!) {
    const value = block[base + f]!;
    const left = value === value ? value <= forest.threshold[node]! : forest.missingLeft[node] === 1;
    node = left ? forest.left[node]! : forest.right[node]!;
  }
  return node;
}

/** The attributes of TreeEnsembleRegressor (ai.onnx.ml 3): one entry for each node, and one weight for each leaf. */
function treeAttributes(parts: BoostedTreesParts): Parameters<typeof onnxNode>[3] {
  const { trees } = parts;
  const isLeaf = trees.flatMap((tree) => tree.feature.map((f) => f < 0));
  const treeIds = trees.flatMap((tree, t) => tree.feature.map(() => t));
  const nodeIds = trees.flatMap((tree) => tree.feature.map((_, i) => i));
  const ofLeaves = (values: readonly number[]): number[] => values.filter((_, i) => isLeaf[i]);
  return {
    n_targets: { int: 1 },
    aggregate_function: { string: "SUM" },
    post_transform: { string: "NONE" },
    base_values: { floats: [parts.baseScore] },
    nodes_treeids: { ints: treeIds },
    nodes_nodeids: { ints: nodeIds },
    nodes_featureids: { ints: trees.flatMap((tree) => tree.feature.map((f) => Math.max(f, 0))) },
    nodes_modes: { strings: isLeaf.map((leaf) => (leaf ? "LEAF" : "BRANCH_LEQ")) },
    nodes_values: { floats: trees.flatMap((tree) => tree.threshold) },
    nodes_truenodeids: { ints: trees.flatMap((tree) => tree.left) },
    nodes_falsenodeids: { ints: trees.flatMap((tree) => tree.right) },
    nodes_missing_value_tracks_true: { ints: trees.flatMap((tree) => tree.missingLeft.map(Number)) },
    target_treeids: { ints: ofLeaves(treeIds) },
    target_nodeids: { ints: ofLeaves(nodeIds) },
    target_ids: { ints: ofLeaves(treeIds).map(() => 0) },
    target_weights: { floats: ofLeaves(trees.flatMap((tree) => tree.value)) },
  };
}
