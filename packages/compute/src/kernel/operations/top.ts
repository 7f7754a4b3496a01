import { int64Tensor, onnxNode } from "../../onnx/build.ts";
import { castNode, type Operation } from "../operation.ts";
import { distanceBetween, type Metric } from "./distance.ts";
import { type Shape, sizeOf, type Tensor } from "../tensor.ts";

/** For each query the nearest items, best first; of equal ones the lower index first. */
export interface TopKOutput {
  /** `[q, k]`, rows of `items`. */
  readonly indices: Int32Array;
  /** `[q, k]`: inner products for `dot`, distances for the other metrics. */
  readonly scores: Float32Array;
  readonly rows: number;
  readonly k: number;
}

/**
 * The `k` greatest (or least) values of each row, best first, and their columns; of equal values the lower column
 * first. NaN comes after everything else.
 */
export function top(k: number, order: "greatest" | "least"): Operation {
  return {
    name: "top",
    parameters: { k, order },
    results: ([scores]) => {
      if (scores === undefined) return "it takes one matrix";
      if (!Number.isSafeInteger(k) || k < 1 || k > scores.columns) {
        return `k is a whole number from 1 to the ${scores.columns} items, not ${k}`;
      }
      const found = { rows: scores.rows, columns: k };
      return [found, found];
    },
    work: ([scores]) => sizeOf(scores as Shape),
    reference: ([scores]) => selectTop(scores as Tensor, k, order === "greatest" ? 1 : -1),
    onnx: ({ inputs: [scores = ""], outputs: [indices = "", best = ""], fresh }) => {
      const [count = "", index = "", guard = "", axes = ""] = ["count", "index", "guard", "axes"].map(fresh);
      const largest = { largest: { int: order === "greatest" ? 1 : 0 } };
      return {
        nodes: [
          onnxNode("TopK", [scores, count], [best, index], largest),
          castNode(index, indices, "int32"),
          // Finite only when every score is: a NaN may go anywhere in the order.
          onnxNode("ReduceSum", [scores, axes], [guard], { keepdims: { int: 1 } }),
        ],
        initializers: [int64Tensor(count, [1], [k]), int64Tensor(axes, [1], [1])],
        guards: [guard],
      };
    },
  };
}

/** Keeps a sorted list of the best so far; most values are turned away by one comparison with its last. */
function selectTop({ data, rows, columns }: Tensor, k: number, sign: 1 | -1): readonly [Tensor, Tensor] {
  const indices = new Int32Array(rows * k);
  const best = new Float32Array(rows * k);
  const ranks = new Float64Array(k);
  for (let row = 0; row < rows; row++) {
    const start = row * k;
    let filled = 0;
    let least = Number.NEGATIVE_INFINITY;
    for (let column = 0; column < columns; column++) {
      const score = sign * (data[row * columns + column] as number);
      if (filled === k && (score <= least || !precedes(score, least))) continue;
      let place = filled < k ? filled++ : k - 1;
      while (place > 0 && precedes(score, ranks[place - 1] as number)) {
        ranks[place] = ranks[place - 1] as number;
        indices[start + place] = indices[start + place - 1] as number;
        place--;
      }
      ranks[place] = score;
      indices[start + place] = column;
      least = ranks[k - 1] as number;
    }
    for (let i = 0; i < k; i++) best[start + i] = data[row * columns + (indices[start + i] as number)] as number;
  }
  return [
    { data: indices, rows, columns: k },
    { data: best, rows, columns: k },
  ];
}

function precedes(score: number, other: number): boolean {
  return score > other || (other !== other && score === score);
}

/**
 * The `k` nearest in each row, by the definition of the distance, which a backend's may not be exact to: of the candidates,
 * or of all items where one that is none may be as near for all that the backend's distances tell.
 */
export function rescored(
  queries: Tensor,
  items: Tensor,
  [candidates, distances]: readonly [Tensor, Tensor],
  metric: Exclude<Metric, "dot">,
  k: number,
): TopKOutput {
  const { rows, columns } = candidates;
  const indices = new Int32Array(rows * k);
  const scores = new Float32Array(rows * k);
  for (let query = 0; query < rows; query++) {
    const of = candidates.data.subarray(query * columns, (query + 1) * columns);
    const furthest = distances.data[(query + 1) * columns - 1] as number;
    let nearest = nearestOf(queries, query, items, of.toSorted(), metric, k);
    const worst = nearest.scores[k - 1] as number;
    if (columns < items.rows && !(furthest > leastPassedOver(queries, query, worst, metric))) {
      const all = Int32Array.from({ length: items.rows }, (_, item) => item);
      nearest = nearestOf(queries, query, items, all, metric, k);
    }
    indices.set(nearest.indices, query * k);
    scores.set(nearest.scores, query * k);
  }
  return { indices, scores, rows, k };
}

/** @param among rows of `items`, ascending */
function nearestOf(
  queries: Tensor,
  query: number,
  items: Tensor,
  among: Tensor["data"],
  metric: Metric,
  k: number,
): { readonly indices: Int32Array; readonly scores: Float32Array } {
  const data = Float32Array.from(among, (item) => distanceBetween(queries, query, items, item, metric));
  const [places, scores] = selectTop({ data, rows: 1, columns: data.length }, k, -1);
  return {
    indices: Int32Array.from(places.data, (place) => among[place] as number),
    scores: scores.data as Float32Array,
  };
}

/**
 * Up to which distance, as backends on matrix products of float32 compute it, items may be no further than `worst`: sums
 * of n products are off by at most n units in the last place of the product of the lengths (Higham, Accuracy and Stability
 * of Numerical Algorithms, 3.1), and an item within `worst` is no longer than the query and `worst`. NaN: up to any.
 */
function leastPassedOver(queries: Tensor, query: number, worst: number, metric: Exclude<Metric, "dot">): number {
  const units = (queries.columns + 16) * 2 ** -23;
  if (metric === "cosine") return worst + units;
  const own = distanceBetween(queries, query, queries, query, "dot");
  const squares = own + (Math.sqrt(own) + worst) ** 2;
  // Not where squares overflow, and no closer than where they vanish.
  if (squares > 1e37) return Number.NaN;
  return Math.sqrt(worst ** 2 + units * squares + queries.columns * 2 ** -124) * (1 + 2 ** -21);
}
