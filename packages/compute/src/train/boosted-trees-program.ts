import { createShardSums, Diverged, ShardSums, slice, VIRTUAL_SHARDS, type WorkerGroup } from "./all-reduce.ts";
import type { Reporter } from "./program.ts";
import { mixPair } from "./random.ts";
import type { TrainingState } from "./state.ts";
import { leafRows } from "./leaf-rows.ts";
import { createGrowthMemory, type GrowthMemory, type GrowthRules, TreeGrower } from "./tree-grower.ts";
import { GRADIENT_UNIT, histogramLayout } from "./tree-histogram.ts";
import { addTreeScores, type BinTree, packTrees, unpackTrees } from "./tree.ts";

export interface BinnedRows {
  readonly rows: number;
  readonly bins: Uint8Array<SharedArrayBuffer>;
  /** What the bins lie in, when WebAssembly can read them. */
  readonly memory?: WebAssembly.Memory | undefined;
  readonly labels: Uint8Array<SharedArrayBuffer>;
}

export interface BoostingRules extends GrowthRules {
  readonly rounds: number;
  /** Stop when the validation loss has not fallen for this many rounds; 0 is never. */
  readonly patience: number;
  /** Share of the rows that each tree is grown from. */
  readonly subsample: number;
  readonly seed: number;
  /** Log odds every row starts with. */
  readonly baseScore: number;
}

export interface BoostedTreesInput {
  readonly kind: "boosted-trees";
  readonly training: BinnedRows;
  readonly validation?: BinnedRows;
  /** Bins of values for each feature. */
  readonly binCounts: Int32Array;
  readonly rules: BoostingRules;
  readonly memory: GrowthMemory & { readonly losses: SharedArrayBuffer };
  readonly resume?: TrainingState;
}

export function createBoostingMemory(
  binCounts: ArrayLike<number>,
  maxLeaves: number,
  workers: number,
): BoostedTreesInput["memory"] {
  const { cells } = histogramLayout(binCounts);
  return { ...createGrowthMemory(cells, maxLeaves, workers), losses: createShardSums(2) };
}

/** Second-order gradient boosting of log loss, in every worker at once. State: the trees and the losses so far. */
export function trainBoostedTreesProgram(
  input: BoostedTreesInput,
  group: WorkerGroup,
  reporter: Reporter,
): TrainingState {
  const { rules } = input;
  const layout = histogramLayout(input.binCounts);
  const training = new ScoredRows(input.training, layout.binCounts, group, rules.baseScore);
  const validation =
    input.validation === undefined
      ? undefined
      : new ScoredRows(input.validation, layout.binCounts, group, rules.baseScore);
  const losses = new ShardSums(group, input.memory.losses);
  const leaves = leafRows(layout, training.count, training.bins, input.training.memory);
  const { order, gradients, hessians } = leaves;
  const grower = new TreeGrower(group, layout, rules, leaves, input.memory);

  const resumed = input.resume?.values;
  const trees: BinTree[] = resumed === undefined ? [] : unpackTrees(resumed["sizes"]!, resumed["nodes"]!);
  const lossHistory = Array.from(resumed?.["losses"] ?? []);
  const validationHistory = Array.from(resumed?.["validationLosses"] ?? []);
  for (const tree of trees) {
    training.add(tree);
    validation?.add(tree);
  }
  const state = (done: boolean): TrainingState => ({
    step: trees.length,
    done,
    values: {
      ...packTrees(trees),
      losses: Float64Array.from(lossHistory),
      validationLosses: Float64Array.from(validationHistory),
    },
  });

  training.computeGradients(losses, 0, gradients, hessians);
  while (trees.length < rules.rounds && !isExhausted(validationHistory, rules.patience)) {
    const count = sampleRows(order, rules, trees.length, training.start);
    const tree = grower.grow(count, (value, start, end) => {
      if (rules.subsample === 1) training.addTo(order, start, end, value);
    });
    if (rules.subsample < 1) training.add(tree);
    trees.push(tree);
    training.computeGradients(losses, 0, gradients, hessians);
    if (validation !== undefined) {
      validation.add(tree);
      validation.computeLoss(losses, 1);
    }
    const sums = losses.reduce();
    const loss = sums[0]! / input.training.rows;
    if (!Number.isFinite(loss)) throw new Diverged(trees.length, loss);
    lossHistory.push(loss);
    if (input.validation !== undefined) validationHistory.push(sums[1]! / input.validation.rows);
    const validationLoss = validationHistory.at(-1);
    reporter.progress({
      step: trees.length,
      steps: rules.rounds,
      loss,
      ...(validationLoss === undefined ? {} : { validationLoss }),
    });
    reporter.checkpoint(trees.length, () => state(false));
  }
  return state(true);
}

function isExhausted(losses: readonly number[], patience: number): boolean {
  if (patience === 0 || losses.length === 0) return false;
  const best = losses.reduce((at, loss, i) => (loss < losses[at]! ? i : at), 0);
  return losses.length - 1 - best >= patience;
}

/** Fills the row order for one tree. Whether a row is in depends on the seed, the round and its number alone. */
function sampleRows(order: Int32Array, rules: BoostingRules, round: number, firstRow: number): number {
  if (rules.subsample === 1) {
    for (let i = 0; i < order.length; i++) order[i] = i;
    return order.length;
  }
  const draw = mixPair(rules.seed, round);
  const limit = rules.subsample * 0x1_0000_0000;
  let count = 0;
  for (let i = 0; i < order.length; i++) if (mixPair(draw, firstRow + i) < limit) order[count++] = i;
  return count;
}

/** This worker's rows of a data set and their scores (log odds). */
class ScoredRows {
  readonly start: number;
  readonly count: number;
  readonly bins: Uint8Array<SharedArrayBuffer>;
  readonly #rows: number;
  readonly #labels: Uint8Array;
  readonly #scores: Float64Array;
  readonly #binCounts: Int32Array;
  readonly #group: WorkerGroup;

  constructor(data: BinnedRows, binCounts: Int32Array, group: WorkerGroup, baseScore: number) {
    const { start, end } = group.ownRows(data.rows);
    this.start = start;
    this.count = end - start;
    this.bins = data.bins.subarray(start * binCounts.length, end * binCounts.length);
    this.#rows = data.rows;
    this.#labels = data.labels.subarray(start, end);
    this.#scores = new Float64Array(this.count).fill(baseScore);
    this.#binCounts = binCounts;
    this.#group = group;
  }

  add(tree: BinTree): void {
    addTreeScores(tree, this.bins, this.#binCounts, this.#scores, 0, this.count);
  }

  addTo(order: Int32Array, start: number, end: number, value: number): void {
    const scores = this.#scores;
    for (let i = start; i < end; i++) scores[order[i]!] = scores[order[i]!]! + value;
  }

  /** Log loss of each shard, and the first and second derivative of each row's, as whole {@link GRADIENT_UNIT}s. */
  computeGradients(losses: ShardSums, column: number, gradients: Int32Array, hessians: Int32Array): void {
    const perUnit = 1 / GRADIENT_UNIT;
    this.#eachShard((shard, start, end) => {
      let sum = 0;
      for (let i = start; i < end; i++) {
        const score = this.#scores[i]!;
        const label = this.#labels[i]!;
        const e = Math.exp(-Math.abs(score));
        const probability = score >= 0 ? 1 / (1 + e) : e / (1 + e);
        gradients[i] = Math.round((probability - label) * perUnit);
        hessians[i] = Math.round(probability * (1 - probability) * perUnit);
        sum += Math.max(score, 0) - label * score + Math.log1p(e);
      }
      losses.shard(shard)[column] = sum;
    });
  }

  computeLoss(losses: ShardSums, column: number): void {
    this.#eachShard((shard, start, end) => {
      let sum = 0;
      for (let i = start; i < end; i++) {
        const score = this.#scores[i]!;
        sum += Math.max(score, 0) - this.#labels[i]! * score + Math.log1p(Math.exp(-Math.abs(score)));
      }
      losses.shard(shard)[column] = sum;
    });
  }

  #eachShard(visit: (shard: number, start: number, end: number) => void): void {
    for (let shard = this.#group.shards.start; shard < this.#group.shards.end; shard++) {
      const { start, end } = slice(this.#rows, shard, VIRTUAL_SHARDS);
      visit(shard, start - this.start, end - this.start);
    }
  }
}
