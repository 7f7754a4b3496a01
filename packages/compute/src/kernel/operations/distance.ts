import { floatTensor, onnxNode } from "../../onnx/build.ts";
import type { OnnxNode } from "../../onnx/model.ts";
import type { OnnxForm, OnnxNames, Operation } from "../operation.ts";
import { emptyMatrix, type Matrix, type Shape, type Tensor } from "../tensor.ts";

/** `dot` is the inner product, `l2` the Euclidean distance, `cosine` one minus the cosine of the angle. */
export type Metric = "dot" | "l2" | "cosine";

/**
 * Between each row of the first matrix, `[n, d]`, and each of the second, `[m, d]`: `[n, m]`. A row of zeros has cosine
 * distance 1 to everything. Backends on matrix products take l2 as `sqrt(aa + bb - 2ab)`, which is exact to some 1e-3
 * of the rows' lengths when two rows nearly coincide.
 */
export function distance(metric: Metric): Operation {
  return {
    name: "distance",
    parameters: { metric },
    coarse: metric === "l2",
    results: ([a, b]) => {
      if (a === undefined || b === undefined) return "it takes two matrices";
      if (a.columns !== b.columns) return `both have equally many columns, not ${a.columns} and ${b.columns}`;
      return [{ rows: a.rows, columns: b.rows }];
    },
    work: ([a, b]) => (a?.rows ?? 0) * (a?.columns ?? 0) * (b?.rows ?? 0),
    reference: ([a, b]) => [distances(a as Tensor, b as Tensor, metric)],
    gpu: ([a, b]) => ({
      stages: [
        {
          source: gpuSources[metric],
          inputs: [0, 1],
          constants: { depth: (a as Shape).columns },
          output: { rows: (a as Shape).rows, columns: (b as Shape).rows },
          steps: (a as Shape).columns,
        },
      ],
    }),
    onnx: (names) => onnxForms[metric](names),
  };
}

/** One distance, by its definition. */
export function distanceBetween(a: Tensor, row: number, b: Tensor, other: number, metric: Metric): number {
  const depth = a.columns;
  if (metric === "l2") return euclidean(a.data, row * depth, b.data, other * depth, depth);
  const product = dot(a.data, row * depth, b.data, other * depth, depth);
  if (metric === "dot") return product;
  const aa = dot(a.data, row * depth, a.data, row * depth, depth);
  const bb = dot(b.data, other * depth, b.data, other * depth, depth);
  const scale = Math.sqrt(aa) * Math.sqrt(bb);
  return 1 - (scale === 0 ? 0 : product / scale);
}

const gpuSources: Readonly<Record<Metric, string>> = {
  dot: `function (a, b) {
  let sum = 0;
  for (let i = 0; i < this.constants.depth; i++) { sum += a[this.thread.y][i] * b[this.thread.x][i]; }
  return sum;
}`,
  l2: `function (a, b) {
  let sum = 0;
  for (let i = 0; i < this.constants.depth; i++) {
    const d = a[this.thread.y][i] - b[this.thread.x][i];
    sum += d * d;
  }
  return Math.sqrt(sum);
}`,
  cosine: `function (a, b) {
  let ab = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < this.constants.depth; i++) {
    const x = a[this.thread.y][i];
    const y = b[this.thread.x][i];
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  let out = 1;
  if (aa > 0 && bb > 0) { out = 1 - ab / (Math.sqrt(aa) * Math.sqrt(bb)); }
  return out;
}`,
};

const transposed = { transB: { int: 1 } };

const onnxForms: Readonly<Record<Metric, (names: OnnxNames) => OnnxForm>> = {
  dot: ({ inputs, outputs }) => ({ nodes: [onnxNode("Gemm", inputs, outputs, transposed)] }),
  l2: ({ inputs: [a = "", b = ""], outputs, fresh }) => {
    const name = names(fresh, ["aa", "bb", "bias", "row", "squares", "zero", "positive"]);
    const over = { axes: { ints: [1] }, keepdims: { int: 1 } };
    return {
      nodes: [
        onnxNode("ReduceSumSquare", [a], [name.aa], over),
        onnxNode("ReduceSumSquare", [b], [name.bb], over),
        onnxNode("Transpose", [name.bb], [name.bias]),
        onnxNode("Gemm", [a, b, name.bias], [name.row], { ...transposed, alpha: { float: -2 } }),
        onnxNode("Add", [name.row, name.aa], [name.squares]),
        onnxNode("Max", [name.squares, name.zero], [name.positive]),
        onnxNode("Sqrt", [name.positive], outputs),
      ],
      initializers: [floatTensor(name.zero, [1], [0])],
      guards: [name.aa, name.bb],
    };
  },
  cosine: ({ inputs: [a = "", b = ""], outputs, fresh }) => {
    const name = names(fresh, ["one", "zero", "none", "cosine"]);
    const left = unit(a, fresh, name.one, name.zero);
    const right = unit(b, fresh, name.one, name.zero);
    return {
      nodes: [
        ...left.nodes,
        ...right.nodes,
        onnxNode("Gemm", [left.output, right.output], [name.cosine], transposed),
        onnxNode("Sub", [name.one, name.cosine], outputs),
      ],
      initializers: [floatTensor(name.one, [1], [1]), floatTensor(name.zero, [1], [0])],
      guards: [left.length, right.length],
    };
  },
};

/** The rows divided by their lengths; a length of 0 counts as 1. */
function unit(
  input: string,
  fresh: OnnxNames["fresh"],
  one: string,
  zero: string,
): { readonly nodes: readonly OnnxNode[]; readonly output: string; readonly length: string } {
  const name = names(fresh, ["length", "empty", "divisor", "unit"]);
  const nodes = [
    onnxNode("ReduceL2", [input], [name.length], { axes: { ints: [1] }, keepdims: { int: 1 } }),
    onnxNode("Equal", [name.length, zero], [name.empty]),
    onnxNode("Where", [name.empty, one, name.length], [name.divisor]),
    onnxNode("Div", [input, name.divisor], [name.unit]),
  ];
  return { nodes, output: name.unit, length: name.length };
}

function names<const Hint extends string>(fresh: OnnxNames["fresh"], hints: readonly Hint[]): Record<Hint, string> {
  return Object.fromEntries(hints.map((hint) => [hint, fresh(hint)])) as Record<Hint, string>;
}

function distances(a: Tensor, b: Tensor, metric: Metric): Matrix {
  const out = emptyMatrix({ rows: a.rows, columns: b.rows });
  const depth = a.columns;
  const between = metric === "l2" ? euclidean : dot;
  const [left, right] = metric === "cosine" ? [lengths(a), lengths(b)] : [];
  for (let i = 0; i < a.rows; i++) {
    for (let j = 0; j < b.rows; j++) {
      const found = between(a.data, i * depth, b.data, j * depth, depth);
      // Inner products of very long or short rows are outside of float32, their cosines are not.
      const cosine = (scale: number): number => 1 - (scale === 0 ? 0 : found / scale);
      out.data[i * b.rows + j] =
        left === undefined || right === undefined ? found : cosine((left[i] as number) * (right[j] as number));
    }
  }
  return out;
}

/** Inner products into cosine distances. */
export function toCosine(products: Matrix, left: Float64Array, right: Float64Array): void {
  const { data, rows, columns } = products;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const at = i * columns + j;
      const scale = (left[i] as number) * (right[j] as number);
      data[at] = 1 - (scale === 0 ? 0 : (data[at] as number) / scale);
    }
  }
}

export function lengths({ data, rows, columns }: Tensor): Float64Array {
  return Float64Array.from({ length: rows }, (_, row) =>
    Math.sqrt(dot(data, row * columns, data, row * columns, columns)),
  );
}

type Values = Tensor["data"];

/** Four sums in turns, so that an addition need not wait for the one before. */
function dot(a: Values, i: number, b: Values, j: number, depth: number): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let k = 0;
  for (; k + 4 <= depth; k += 4) {
    s0 += (a[i + k] as number) * (b[j + k] as number);
    s1 += (a[i + k + 1] as number) * (b[j + k + 1] as number);
    s2 += (a[i + k + 2] as number) * (b[j + k + 2] as number);
    s3 += (a[i + k + 3] as number) * (b[j + k + 3] as number);
  }
  for (; k < depth; k++) s0 += (a[i + k] as number) * (b[j + k] as number);
  return s0 + s1 + (s2 + s3);
}

function euclidean(a: Values, i: number, b: Values, j: number, depth: number): number {
  let even = 0;
  let odd = 0;
  let k = 0;
  for (; k + 2 <= depth; k += 2) {
    const first = (a[i + k] as number) - (b[j + k] as number);
    const second = (a[i + k + 1] as number) - (b[j + k + 1] as number);
    even += first * first;
    odd += second * second;
  }
  if (k < depth) even += ((a[i + k] as number) - (b[j + k] as number)) ** 2;
  return Math.sqrt(even + odd);
}

/** Inner products into Euclidean distances, by `aa + bb - 2ab`. */
export function toEuclidean(products: Matrix, left: Float64Array, right: Float64Array): void {
  const { data, rows, columns } = products;
  for (let i = 0; i < rows; i++) {
    const aa = (left[i] as number) ** 2;
    for (let j = 0; j < columns; j++) {
      const at = i * columns + j;
      data[at] = Math.sqrt(Math.max(aa + (right[j] as number) ** 2 - 2 * (data[at] as number), 0));
    }
  }
}
