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

/** The `k` nearest of the candidates in each row, by the definition of the distance, which a backend's may not be exact to. */
export function rescored(
  queries: Tensor,
  items: Tensor,
  { data, rows, columns }: Tensor,
  metric: Metric,
  k: number,
): TopKOutput {
  const indices = new Int32Array(rows * k);
  const scores = new Float32Array(rows * k);
  for (let query = 0; query < rows; query++) {
    const candidates = Array.from(data.subarray(query * columns, (query + 1) * columns), (item) => ({
      item,
      score: Math.fround(distanceBetween(queries, query, items, item, metric)),
    }));
    candidates.sort((a, b) => rank(a.score) - rank(b.score) || a.item - b.item);
    candidates.slice(0, k).forEach(({ item, score }, i) => {
      indices[query * k + i] = item;
      scores[query * k + i] = score;
    });
  }
  return { indices, scores, rows, k };
}

/** NaN after everything else. */
function rank(score: number): number {
  return score === score ? Math.min(score, Number.MAX_VALUE) : Number.POSITIVE_INFINITY;
}
