import { slice, type WorkerGroup } from "./all-reduce.ts";
import type { LeafRows } from "./leaf-rows.ts";
import { GRADIENT_UNIT, type HistogramLayout } from "./tree-histogram.ts";
import { addLeaf, type BinTree, emptyTree } from "./tree.ts";
import { findSplit, noSplit, type Split, type SplitRules } from "./tree-split.ts";

export interface GrowthRules extends SplitRules {
  readonly maxLeaves: number;
  /** Most splits from the root to a leaf. */
  readonly maxDepth: number;
  readonly learningRate: number;
}

/** Memory that the workers share while they grow trees. */
export interface GrowthMemory {
  /** One histogram for each worker: of its own rows. */
  readonly partials: SharedArrayBuffer;
  /** One histogram for each leaf: of all rows. */
  readonly histograms: SharedArrayBuffer;
  /** Each worker's best split of up to two nodes, and its count of rows. */
  readonly exchange: SharedArrayBuffer;
}

const SPLIT_CELLS = 6;
/** After two splits come two counts, used by turns: a slow worker may still read the one before. */
const COUNT_CELL = 2 * SPLIT_CELLS;
const EXCHANGE_CELLS = COUNT_CELL + 2;

export function createGrowthMemory(cells: number, maxLeaves: number, workers: number): GrowthMemory {
  return {
    partials: new SharedArrayBuffer(cells * 8 * workers),
    histograms: new SharedArrayBuffer(cells * 8 * maxLeaves),
    exchange: new SharedArrayBuffer(EXCHANGE_CELLS * 8 * workers),
  };
}

interface Leaf {
  readonly node: number;
  readonly depth: number;
  /** Which of the shared histograms is this leaf's. */
  readonly slot: number;
  /** This worker's rows of the leaf, a range of the row order. */
  readonly start: number;
  readonly end: number;
  readonly gradient: number;
  readonly hessian: number;
  split: Split;
}

/**
 * Leaf values are multiples of 2^-18, so that a float32 sum of them is exact in any order while it is below 64: the
 * score that ONNX computes in float32 is then the trainer's own, bit for bit.
 */
const LEAF_UNIT = 2 ** -18;

/** Grows trees best-first (leaf-wise): the leaf whose split gains most is split next. All workers grow the same tree. */
export class TreeGrower {
  readonly #group: WorkerGroup;
  readonly #layout: HistogramLayout;
  readonly #rules: GrowthRules;
  readonly #leaves: LeafRows;
  readonly #partials: readonly Float64Array[];
  readonly #histograms: readonly Float64Array[];
  readonly #exchange: readonly Float64Array[];
  readonly #own: { readonly start: number; readonly end: number };

  #turn = 0;

  /** `leaves` are this worker's rows only. */
  constructor(group: WorkerGroup, layout: HistogramLayout, rules: GrowthRules, leaves: LeafRows, memory: GrowthMemory) {
    const views = (buffer: SharedArrayBuffer, width: number): Float64Array[] =>
      Array.from({ length: buffer.byteLength / 8 / width }, (_, i) => new Float64Array(buffer, i * width * 8, width));
    this.#group = group;
    this.#layout = layout;
    this.#rules = rules;
    this.#leaves = leaves;
    this.#partials = views(memory.partials, layout.cells);
    this.#histograms = views(memory.histograms, layout.cells);
    this.#exchange = views(memory.exchange, EXCHANGE_CELLS);
    this.#own = slice(layout.features, group.rank, group.size);
  }

  /**
   * Grows one tree from the first `count` rows of the order, which it reorders leaf by leaf, and gives the value of each
   * leaf with the range of its rows.
   */
  grow(count: number, onLeaf: (value: number, start: number, end: number) => void): BinTree {
    const tree = emptyTree();
    const leaves = [this.#root(tree, count)];
    while (leaves.length < this.#rules.maxLeaves) {
      const best = leaves.reduce((a, b) => (b.split.gain > a.split.gain ? b : a));
      if (best.split.feature < 0) break;
      const wanted = leaves.length + 1 < this.#rules.maxLeaves;
      const [left, right] = this.#divide(tree, best, leaves.length, wanted);
      leaves[leaves.indexOf(best)] = left;
      leaves.push(right);
    }
    for (const leaf of leaves) {
      const value = this.#leafValue(leaf);
      tree.value[leaf.node] = value;
      onLeaf(value, leaf.start, leaf.end);
    }
    return tree;
  }

  #root(tree: BinTree, count: number): Leaf {
    const rows = this.#totalRows(count);
    const node = addLeaf(tree, rows);
    this.#fill(0, count);
    this.#group.barrier();
    this.#sumInto(this.#histograms[0]!);
    this.#group.barrier();
    const [gradient, hessian] = this.#total(this.#histograms[0]!);
    const leaf = { node, depth: 0, slot: 0, start: 0, end: count, gradient, hessian, split: noSplit() };
    this.#search([leaf]);
    return leaf;
  }

  #divide(tree: BinTree, parent: Leaf, slot: number, splitFurther: boolean): [Leaf, Leaf] {
    const { split, depth } = parent;
    const middle = this.#partition(parent);
    const leftRows = this.#totalRows(middle - parent.start);
    const rightRows = tree.rows[parent.node]! - leftRows;
    const leftIsSmall = leftRows <= rightRows;
    const left: Leaf = {
      node: addLeaf(tree, leftRows),
      depth: depth + 1,
      slot: leftIsSmall ? slot : parent.slot,
      start: parent.start,
      end: middle,
      gradient: split.leftGradient,
      hessian: split.leftHessian,
      split: noSplit(),
    };
    const right: Leaf = {
      node: addLeaf(tree, rightRows),
      depth: depth + 1,
      slot: leftIsSmall ? parent.slot : slot,
      start: middle,
      end: parent.end,
      gradient: parent.gradient - split.leftGradient,
      hessian: parent.hessian - split.leftHessian,
      split: noSplit(),
    };
    tree.feature[parent.node] = split.feature;
    tree.bin[parent.node] = split.bin;
    tree.missingLeft[parent.node] = split.missingLeft;
    tree.gain[parent.node] = split.gain;
    tree.left[parent.node] = left.node;
    tree.right[parent.node] = right.node;
    if (!splitFurther || depth + 1 >= this.#rules.maxDepth) return [left, right];

    const small = leftIsSmall ? left : right;
    this.#fill(small.start, small.end);
    this.#group.barrier();
    this.#sumInto(this.#histograms[slot]!);
    this.#subtract(this.#histograms[parent.slot]!, this.#histograms[slot]!);
    this.#search([left, right]);
    return [left, right];
  }

  /** The histogram of this worker's rows of a leaf. */
  #fill(start: number, end: number): void {
    this.#partials[this.#group.rank]!.set(this.#leaves.sum(start, end));
  }

  /** Sums all workers' histograms over this worker's features. The sums are exact, so their order does not matter. */
  #sumInto(histogram: Float64Array): void {
    const [first, last] = this.#ownCells();
    for (let i = first; i < last; i++) {
      let sum = 0;
      for (let w = 0; w < this.#partials.length; w++) sum += this.#partials[w]![i]!;
      histogram[i] = sum;
    }
  }

  #subtract(parent: Float64Array, small: Float64Array): void {
    const [first, last] = this.#ownCells();
    for (let i = first; i < last; i++) parent[i] = parent[i]! - small[i]!;
  }

  #ownCells(): [number, number] {
    const { offsets, cells } = this.#layout;
    return [offsets[this.#own.start] ?? cells, offsets[this.#own.end] ?? cells];
  }

  #total(histogram: Float64Array): [number, number] {
    let gradient = 0;
    let hessian = 0;
    for (let bin = 0; bin <= this.#layout.binCounts[0]!; bin++) {
      gradient += histogram[2 * bin]!;
      hessian += histogram[2 * bin + 1]!;
    }
    return [gradient, hessian];
  }

  /** Each worker searches its features; then all choose the best of the bests, in rank order. */
  #search(leaves: readonly Leaf[]): void {
    const own = this.#exchange[this.#group.rank]!;
    leaves.forEach((leaf, i) => {
      const histogram = this.#histograms[leaf.slot]!;
      const { start, end } = this.#own;
      const found = findSplit(histogram, this.#layout, start, end, leaf.gradient, leaf.hessian, this.#rules);
      own.set(
        [found.gain, found.feature, found.bin, found.missingLeft ? 1 : 0, found.leftGradient, found.leftHessian],
        i * SPLIT_CELLS,
      );
    });
    this.#group.barrier();
    leaves.forEach((leaf, i) => {
      for (const cells of this.#exchange) {
        const at = i * SPLIT_CELLS;
        if (cells[at + 1]! < 0 || cells[at]! <= leaf.split.gain) continue;
        leaf.split = {
          gain: cells[at]!,
          feature: cells[at + 1]!,
          bin: cells[at + 2]!,
          missingLeft: cells[at + 3] === 1,
          leftGradient: cells[at + 4]!,
          leftHessian: cells[at + 5]!,
        };
      }
    });
  }

  /** Adds up a count over the workers. */
  #totalRows(count: number): number {
    const cell = COUNT_CELL + this.#turn;
    this.#turn = 1 - this.#turn;
    this.#exchange[this.#group.rank]![cell] = count;
    this.#group.barrier();
    return this.#exchange.reduce((sum, cells) => sum + cells[cell]!, 0);
  }

  #partition({ split, start, end }: Leaf): number {
    const missing = split.missingLeft ? this.#layout.binCounts[split.feature]! : -1;
    return this.#leaves.partition(start, end, split.feature, split.bin, missing);
  }

  #leafValue(leaf: Leaf): number {
    const weight = leaf.hessian * GRADIENT_UNIT + this.#rules.l2;
    if (weight <= 0) return 0;
    const value = (-this.#rules.learningRate * leaf.gradient * GRADIENT_UNIT) / weight;
    // Adding zero turns -0 into 0, which JSON keeps.
    return Math.fround(Math.round(value / LEAF_UNIT) * LEAF_UNIT) + 0;
  }
}
