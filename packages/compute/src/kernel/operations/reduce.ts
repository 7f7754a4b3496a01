import { int64Tensor, onnxNode } from "../../onnx/build.ts";
import { castNode, type GpuStage, type OnnxForm, type OnnxNames, type Operation } from "../operation.ts";
import type { Shape, Tensor } from "../tensor.ts";

export type Reduction = "sum" | "mean" | "min" | "max" | "argmax";

/** 0 folds the rows of each column, 1 the columns of each row, as in NumPy. */
export type Axis = 0 | 1;

interface Meaning {
  /** Starts at the first value, so that an empty line has no result. */
  readonly needsValue: boolean;
  readonly fold: (data: Tensor["data"], start: number, step: number, count: number) => number;
  /** Text of the gpu.js loop; `FIRST` is the first value, `VALUE` that at `i`. */
  readonly gpu: string;
  readonly onnx: string;
}

const meanings: Readonly<Record<Reduction, Meaning>> = {
  sum: {
    needsValue: false,
    fold: total,
    gpu: "let out = 0; for (let i = 0; i < this.constants.count; i++) { out += VALUE; } return out;",
    onnx: "ReduceSum",
  },
  mean: {
    needsValue: false,
    fold: (data, start, step, count) => total(data, start, step, count) / count,
    // Summed from the first value on, so that a line of equal values has exactly that mean.
    gpu: `const first = FIRST; let out = 0;
  for (let i = 1; i < this.constants.count; i++) { out += VALUE - first; }
  return first + out / this.constants.count;`,
    onnx: "ReduceMean",
  },
  min: {
    needsValue: true,
    fold: (data, start, step, count) => (data[extreme(data, start, step, count, -1)] as number) + 0,
    gpu: `let out = FIRST; for (let i = 1; i < this.constants.count; i++) { if (VALUE < out) { out = VALUE; } }
  return out;`,
    onnx: "ReduceMin",
  },
  max: {
    needsValue: true,
    fold: (data, start, step, count) => (data[extreme(data, start, step, count, 1)] as number) + 0,
    gpu: `let out = FIRST; for (let i = 1; i < this.constants.count; i++) { if (VALUE > out) { out = VALUE; } }
  return out;`,
    onnx: "ReduceMax",
  },
  argmax: {
    needsValue: true,
    fold: (data, start, step, count) => (extreme(data, start, step, count, 1) - start) / step,
    gpu: `let most = FIRST; let out = 0;
  for (let i = 1; i < this.constants.count; i++) { if (VALUE > most) { most = VALUE; out = i; } }
  return out;`,
    onnx: "ArgMax",
  },
};

export function isReduction(name: string): name is Reduction {
  return Object.hasOwn(meanings, name);
}

/**
 * Folds the lines of a matrix along an axis, which is kept with length 1. A NaN in a line makes its sum, mean, least and
 * greatest value NaN, and is where argmax points, as in NumPy; of equal values argmax takes the first.
 */
export function reduce(reduction: Reduction, axis: Axis): Operation {
  const { needsValue, fold, gpu, onnx } = meanings[reduction];
  const folded = ({ rows, columns }: Shape): Shape => (axis === 0 ? { rows: 1, columns } : { rows, columns: 1 });
  const count = (shape: Shape): number => (axis === 0 ? shape.rows : shape.columns);
  return {
    name: reduction,
    parameters: { axis },
    results: ([shape]) => {
      if (shape === undefined) return "it takes one matrix";
      if (needsValue && count(shape) === 0) return `${reduction} is of one value at least`;
      return [folded(shape)];
    },
    work: ([shape]) => (shape?.rows ?? 0) * (shape?.columns ?? 0),
    reference: ([tensor]) => [reduceTensor(tensor as Tensor, axis, folded(tensor as Tensor), reduction, fold)],
    gpu: ([shape]) => ({ stages: [gpuStage(gpu, axis, count(shape as Shape), folded(shape as Shape))] }),
    onnx: (names) => onnxForm(reduction, onnx, axis, names),
  };
}

function reduceTensor(
  { data, rows, columns }: Tensor,
  axis: Axis,
  shape: Shape,
  reduction: Reduction,
  fold: Meaning["fold"],
): Tensor {
  const size = shape.rows * shape.columns;
  const out = reduction === "argmax" ? new Int32Array(size) : new Float32Array(size);
  if (axis === 1) {
    for (let row = 0; row < rows; row++) out[row] = fold(data, row * columns, 1, columns);
  } else if (reduction === "sum" || reduction === "mean") {
    out.set(columnSums(data, rows, columns).map((sum) => (reduction === "mean" ? sum / rows : sum)));
  } else {
    for (let column = 0; column < columns; column++) out[column] = fold(data, column, columns, rows);
  }
  return { data: out, ...shape };
}

/** Row by row: the order in which the values lie in memory. */
function columnSums(data: Tensor["data"], rows: number, columns: number): Float64Array {
  const sums = new Float64Array(columns);
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, at++)
      sums[column] = (sums[column] as number) + (data[at] as number);
  }
  return sums;
}

/** Four sums in turns, so that an addition need not wait for the one before. */
function total(data: Tensor["data"], start: number, step: number, count: number): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let i = start;
  const end = start + step * count;
  for (const last = end - 4 * step; i <= last; i += 4 * step) {
    a += data[i] as number;
    b += data[i + step] as number;
    c += data[i + 2 * step] as number;
    d += data[i + 3 * step] as number;
  }
  for (; i < end; i += step) a += data[i] as number;
  return a + b + (c + d);
}

/** Where the greatest value lies (`sign` 1) or the least (-1), the first of equals; or the first NaN. */
function extreme(data: Tensor["data"], start: number, step: number, count: number, sign: 1 | -1): number {
  let best = start;
  let value = sign * (data[start] as number);
  if (value !== value) return start;
  const end = start + step * count;
  for (let at = start + step; at < end; at += step) {
    const candidate = sign * (data[at] as number);
    if (candidate > value) {
      value = candidate;
      best = at;
    } else if (candidate !== candidate) return at;
  }
  return best;
}

function gpuStage(loop: string, axis: Axis, count: number, output: Shape): GpuStage {
  const value = (at: string): string => (axis === 0 ? `a[${at}][this.thread.x]` : `a[this.thread.y][${at}]`);
  return {
    source: `function (a) {\n  ${loop.replaceAll("FIRST", value("0")).replaceAll("VALUE", value("i"))}\n}`,
    inputs: [0],
    constants: { count },
    output,
    steps: count,
  };
}

function onnxForm(reduction: Reduction, operator: string, axis: Axis, names: OnnxNames): OnnxForm {
  const [input = ""] = names.inputs;
  const [output = ""] = names.outputs;
  const axes = names.fresh("axes");
  const initializers = [int64Tensor(axes, [1], [axis])];
  if (reduction === "sum" || reduction === "mean") {
    // In float64, as the reference: ONNX Runtime adds one after another, and 2^24 ones and one more are 2^24 in float32.
    const [wide = "", folded = ""] = ["wide", "folded"].map(names.fresh);
    const keep = { keepdims: { int: 1 } };
    const fold =
      reduction === "sum"
        ? onnxNode("ReduceSum", [wide, axes], [folded], keep)
        : onnxNode("ReduceMean", [wide], [folded], { axes: { ints: [axis] }, ...keep });
    const nodes = [castNode(input, wide, "float64"), fold, castNode(folded, output, "float32")];
    return reduction === "sum" ? { nodes, initializers } : { nodes };
  }
  // The sum is finite only when every value is: these operators may pass over a NaN.
  const guard = names.fresh("guard");
  const check = onnxNode("ReduceSum", [input, axes], [guard], { keepdims: { int: 1 } });
  if (reduction === "argmax") {
    const index = names.fresh("index");
    const argmax = onnxNode("ArgMax", [input], [index], { axis: { int: axis }, keepdims: { int: 1 } });
    return { nodes: [argmax, castNode(index, output, "int32"), check], initializers, guards: [guard] };
  }
  const extremes = onnxNode(operator, [input], [output], { axes: { ints: [axis] }, keepdims: { int: 1 } });
  return { nodes: [extremes, check], initializers, guards: [guard] };
}
