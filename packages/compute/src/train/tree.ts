/** A regression tree over bin numbers. Node 0 is the root; arrays are indexed by node. */
export interface BinTree {
  /** Feature the node splits on, -1 in a leaf. */
  readonly feature: number[];
  /** Rows whose bin is at most this go left. */
  readonly bin: number[];
  readonly missingLeft: boolean[];
  readonly left: number[];
  readonly right: number[];
  /** Added to the score of rows in the leaf; 0 elsewhere. */
  readonly value: number[];
  /** Reduction of the loss by the split; 0 in a leaf. */
  readonly gain: number[];
  /** Training rows that came through. */
  readonly rows: number[];
}

export function emptyTree(): BinTree {
  return { feature: [], bin: [], missingLeft: [], left: [], right: [], value: [], gain: [], rows: [] };
}

/** Appends a leaf and returns its number. */
export function addLeaf(tree: BinTree, rows: number): number {
  tree.feature.push(-1);
  tree.bin.push(0);
  tree.missingLeft.push(false);
  tree.left.push(0);
  tree.right.push(0);
  tree.value.push(0);
  tree.gain.push(0);
  tree.rows.push(rows);
  return tree.feature.length - 1;
}

const FIELDS = 8;

/** Trees as numbers, eight for each node, for a checkpoint. */
export function packTrees(trees: readonly BinTree[]): { sizes: Float64Array; nodes: Float64Array } {
  const sizes = Float64Array.from(trees, (tree) => tree.feature.length);
  const nodes = new Float64Array(sizes.reduce((sum, size) => sum + size, 0) * FIELDS);
  let at = 0;
  for (const tree of trees) {
    for (let i = 0; i < tree.feature.length; i++, at += FIELDS) {
      nodes[at] = tree.feature[i]!;
      nodes[at + 1] = tree.bin[i]!;
      nodes[at + 2] = tree.missingLeft[i] === true ? 1 : 0;
      nodes[at + 3] = tree.left[i]!;
      nodes[at + 4] = tree.right[i]!;
      nodes[at + 5] = tree.value[i]!;
      nodes[at + 6] = tree.gain[i]!;
      nodes[at + 7] = tree.rows[i]!;
    }
  }
  return { sizes, nodes };
}

export function unpackTrees(sizes: Float64Array, nodes: Float64Array): BinTree[] {
  let at = 0;
  return Array.from(sizes, (size) => {
    const tree = emptyTree();
    for (let i = 0; i < size; i++, at += FIELDS) {
      addLeaf(tree, nodes[at + 7]!);
      tree.feature[i] = nodes[at]!;
      tree.bin[i] = nodes[at + 1]!;
      tree.missingLeft[i] = nodes[at + 2] === 1;
      tree.left[i] = nodes[at + 3]!;
      tree.right[i] = nodes[at + 4]!;
      tree.value[i] = nodes[at + 5]!;
      tree.gain[i] = nodes[at + 6]!;
    }
    return tree;
  });
}

/** Adds the tree's value to the score of rows `start` to `end - 1` of row-major bins. */
export function addTreeScores(
  tree: BinTree,
  bins: Uint8Array,
  binCounts: Int32Array,
  scores: Float64Array,
  start: number,
  end: number,
): void {
  const features = binCounts.length;
  const feature = Int32Array.from(tree.feature);
  const split = Int32Array.from(tree.bin);
  const left = Int32Array.from(tree.left);
  const right = Int32Array.from(tree.right);
  // The bin of missing values is above all others; where missing goes left, it is compared apart.
  const missing = Int32Array.from(tree.feature, (f, i) =>
    f >= 0 && tree.missingLeft[i] === true ? binCounts[f]! : -1,
  );
  const value = Float64Array.from(tree.value);
  for (let row = start; row < end; row++) {
    const base = row * features;
    let node = 0;
    for (let f = feature[0]!; f >= 0; f = feature[node]!) {
      const bin = bins[base + f]!;
      node = bin <= split[node]! || bin === missing[node]! ? left[node]! : right[node]!;
    }
    scores[row - start] = scores[row - start]! + value[node]!;
  }
}
