import { computeError } from "../errors.ts";
import { binDataset, type BinnedDataset } from "./binned-dataset.ts";
import { type BoostedTreesModel, boostedTreesModel, type ValueTree } from "./boosted-trees-model.ts";
import { type BoostingRules, createBoostingMemory } from "./boosted-trees-program.ts";
import { checkReadFor, contentDigest, type Dataset, isRead } from "./dataset.ts";
import { allocateFor, boundedInteger, boundedNumber, positiveNumber } from "./hyperparameter.ts";
import { memoryOf } from "./shared-bytes.ts";
import { bestRound } from "./summary.ts";
import type { TableSource } from "./table.ts";
import { runTraining, type TrainingOptions } from "./train.ts";
import { type BinTree, unpackTrees } from "./tree.ts";
import { MAX_TREE_ROWS } from "./tree-histogram.ts";

export interface BoostedTreesOptions extends TrainingOptions {
  /** A table is read twice (see {@link TableSource}) into one byte for each value. */
  readonly data: TableSource | Dataset | BinnedDataset;
  /** Name of the column to predict. */
  readonly label: string;
  /** @default every column but the label */
  readonly features?: readonly string[];
  /** Rows to watch the loss of, for early stopping; binned like the data where they are binned already. */
  readonly validation?: TableSource | Dataset | BinnedDataset;
  /** Most trees. @default 100 */
  readonly rounds?: number;
  /** Stop when the validation loss has not fallen for this many trees; 0 is never. @default 20 */
  readonly earlyStopping?: number;
  /** Share of each tree's correction that is applied. @default 0.1 */
  readonly learningRate?: number;
  /** @default 63 */
  readonly maxLeaves?: number;
  /** Most splits from the root to a leaf. @default 64 */
  readonly maxDepth?: number;
  /** L2 penalty on leaf values. @default 1 */
  readonly l2?: number;
  /** Least sum of second derivatives (p(1 - p) over its rows) in a leaf. @default 1 */
  readonly minChildWeight?: number;
  /** Least reduction of the total log loss by a split. @default 0 */
  readonly minGain?: number;
  /** Share of the rows each tree is grown from. @default 1 */
  readonly subsample?: number;
  /** Most bins for each feature, 2 to 255. @default 255 */
  readonly maxBins?: number;
}

/** All larger values, but not a missing one, go left of it. */
const LARGEST_FLOAT32 = 3.4028234663852886e38;

/**
 * Trains gradient-boosted decision trees on log loss: histogram based, leaf-wise, second order (Friedman 2001; Chen and
 * Guestrin 2016; Ke et al. 2017), with a learned direction for missing values. Sums of gradients are exact, so the model
 * depends on data, hyperparameters and seed, and not on the number of workers.
 *
 * @throws DATASET_INVALID, LABEL_INVALID, HYPERPARAMETER_INVALID, WORKER_DIED, CHECKPOINT_MISMATCH, CHECKPOINT_UNREADABLE
 */
export async function trainBoostedTrees(options: BoostedTreesOptions): Promise<BoostedTreesModel> {
  const settings = boostingSettings(options);
  const workers = boundedInteger("workers", options.workers ?? 1, 1, 16);
  const training = await bin(options.data, options, settings.maxBins);
  const validation =
    options.validation === undefined ? undefined : await bin(options.validation, options, settings.maxBins, training);
  if (training.rows > MAX_TREE_ROWS) throw tooManyRows(training.rows);

  const binCounts = Int32Array.from(training.edges, (edges) => edges.length + 1);
  const baseScore = baseLogOdds(training.labels);
  const { maxBins, ...hyperparameters } = settings;
  const rules: BoostingRules = { ...hyperparameters, baseScore };
  const fingerprint = (): Record<string, string | number> => ({
    kind: "boosted-trees",
    data: digest(training),
    validation: validation === undefined ? "none" : digest(validation),
    maxBins,
    ...hyperparameters,
  });
  const { state, seconds } = await runTraining(options, fingerprint, (resume) => ({
    kind: "boosted-trees",
    training: { rows: training.rows, bins: training.bins, memory: memoryOf(training.bins), labels: training.labels },
    ...(validation === undefined
      ? {}
      : { validation: { rows: validation.rows, bins: validation.bins, labels: validation.labels } }),
    binCounts,
    rules,
    // No leaf is without a row.
    memory: allocateFor("maxLeaves", rules.maxLeaves, () =>
      createBoostingMemory(binCounts, Math.min(rules.maxLeaves, training.rows), workers),
    ),
    ...(resume === undefined ? {} : { resume }),
  }));

  const validationLosses = Array.from(state.values["validationLosses"]!);
  const trees = unpackTrees(state.values["sizes"]!, state.values["nodes"]!);
  const rounds = bestRound(validationLosses, trees.length);
  return boostedTreesModel({
    features: training.features,
    label: training.label,
    summary: { rounds, rows: training.rows, losses: Array.from(state.values["losses"]!), validationLosses, seconds },
    baseScore,
    trees: trees.slice(0, rounds).map((tree) => withThresholds(tree, training.edges)),
  });
}

function sameEdges(a: BinnedDataset, b: BinnedDataset): boolean {
  return a.edges.every((edges, f) => {
    const others = b.edges[f]!;
    return edges.length === others.length && edges.every((edge, i) => edge === others[i]);
  });
}

function boostingSettings(options: BoostedTreesOptions): Omit<BoostingRules, "baseScore"> & { maxBins: number } {
  return {
    rounds: boundedInteger("rounds", options.rounds ?? 100, 1, 100_000),
    patience: boundedInteger("earlyStopping", options.earlyStopping ?? 20, 0, 100_000),
    learningRate: positiveNumber("learningRate", options.learningRate ?? 0.1, 10),
    maxLeaves: boundedInteger("maxLeaves", options.maxLeaves ?? 63, 2, 4096),
    maxDepth: boundedInteger("maxDepth", options.maxDepth ?? 64, 1, 4096),
    l2: boundedNumber("l2", options.l2 ?? 1, 0, 1e9),
    minChildWeight: boundedNumber("minChildWeight", options.minChildWeight ?? 1, 0, 1e9),
    minGain: boundedNumber("minGain", options.minGain ?? 0, 0, 1e9),
    subsample: positiveNumber("subsample", options.subsample ?? 1, 1),
    seed: boundedInteger("seed", options.seed ?? 0, 0, 0xffff_ffff),
    maxBins: boundedInteger("maxBins", options.maxBins ?? 255, 2, 255),
  };
}

async function bin(
  source: BoostedTreesOptions["data"],
  options: BoostedTreesOptions,
  maxBins: number,
  like?: BinnedDataset,
): Promise<BinnedDataset> {
  if (isRead(source) && source.kind === "binned") {
    checkReadFor(source, like === undefined ? options : { ...options, features: like.features });
    if (like !== undefined && !sameEdges(source, like)) throw otherBins();
    return source;
  }
  return await binDataset(source, {
    label: options.label,
    maxBins,
    seed: options.seed ?? 0,
    ...(options.features === undefined ? {} : { features: options.features }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...(like === undefined ? {} : { like }),
  });
}

/** Rounded to the grid of leaf values, so that sums in float32 stay exact. */
function baseLogOdds(labels: Uint8Array): number {
  let positive = 0;
  for (const label of labels) positive += label;
  return Math.round(Math.log(positive / (labels.length - positive)) * 2 ** 18) / 2 ** 18;
}

function withThresholds(tree: BinTree, edges: readonly Float32Array[]): ValueTree {
  const { feature, bin, missingLeft, left, right, value, gain } = tree;
  const threshold = feature.map((f, i) => (f < 0 ? 0 : (edges[f]![bin[i]!] ?? LARGEST_FLOAT32)));
  return { feature, threshold, missingLeft, left, right, value, gain };
}

function digest(data: BinnedDataset): string {
  return contentDigest([...data.features, data.label], data.rows, data.labels, data.bins, ...data.edges);
}

function otherBins(): Error {
  return computeError("DATASET_INVALID", {
    what: "the validation rows lie in other bins than the training rows",
    rule: "a tree compares the numbers of bins",
    remedy: "Read them with binDataset and the option like, or give them as they are.",
  });
}

function tooManyRows(rows: number): Error {
  return computeError("DATASET_INVALID", {
    what: `it has ${rows} rows`,
    rule: `boosted trees take at most ${MAX_TREE_ROWS}, for which sums are exact`,
    remedy: "Train on a sample.",
  });
}
