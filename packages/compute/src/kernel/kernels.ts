import { computeError } from "../errors.ts";
import { bind, type Kernel } from "./kernel.ts";
import type { Operation } from "./operation.ts";
import { distance, type Metric } from "./operations/distance.ts";
import { histogram } from "./operations/histogram.ts";
import { matmul } from "./operations/matmul.ts";
import { type Axis, reduce, type Reduction } from "./operations/reduce.ts";
import { softmax } from "./operations/softmax.ts";
import { deviation, standardise } from "./operations/standardise.ts";
import { rescored, top, type TopKOutput } from "./operations/top.ts";
import { createProgram, programOf } from "./program.ts";
import { type BinSource, type MatrixSource, readBins, readMatrix, readWeights, type WeightSource } from "./source.ts";
import { type Matrix, type Tensor } from "./tensor.ts";

export interface ValuesInput {
  readonly values: MatrixSource;
}

export interface PairInputs {
  readonly a: MatrixSource;
  readonly b: MatrixSource;
}

export interface ReductionOptions {
  /** 0 folds the rows of each column, 1 the columns of each row, as in NumPy. @default all values into one */
  readonly axis?: Axis;
}

export interface StandardiseInputs extends ValuesInput {
  /** One row. @default the mean of each column of the values */
  readonly mean?: MatrixSource;
  /** One row. @default the standard deviation (of the population) of each column of the values */
  readonly deviation?: MatrixSource;
}

export interface TopKInputs {
  /** `[q, d]` */
  readonly queries: MatrixSource;
  /** `[n, d]` */
  readonly items: MatrixSource;
}

export interface TopKOptions {
  /** How many items for each query. */
  readonly k: number;
  /** @default "dot" */
  readonly metric?: Metric;
}

export interface HistogramInputs {
  /** Bins of each column, equally many. */
  readonly columns: readonly BinSource[];
  /** One for each row. */
  readonly gradients: WeightSource;
  /** One for each row. */
  readonly hessians: WeightSource;
}

export interface HistogramOutput {
  /** Row-major `[columns, bins]`. */
  readonly gradients: Float64Array;
  /** Row-major `[columns, bins]`. */
  readonly hessians: Float64Array;
  readonly columns: number;
  readonly bins: number;
}

/** The kernels there are. Results of each are the same on every backend, but for the rounding of float32. */
export const kernel = {
  /** `[m, k] x [k, n]` gives `[m, n]`. */
  matmul: (): Kernel<PairInputs, Matrix> => pairKernel(matmul),

  sum: (options: ReductionOptions = {}): Kernel<ValuesInput, Matrix> => reduction("sum", options, asMatrix),
  mean: (options: ReductionOptions = {}): Kernel<ValuesInput, Matrix> => reduction("mean", options, asMatrix),
  min: (options: ReductionOptions = {}): Kernel<ValuesInput, Matrix> => reduction("min", options, asMatrix),
  max: (options: ReductionOptions = {}): Kernel<ValuesInput, Matrix> => reduction("max", options, asMatrix),

  /** Where the greatest value of each line is; the first of equals. */
  argmax: (options: ReductionOptions = {}): Kernel<ValuesInput, Int32Array> =>
    reduction("argmax", options, ([found]) => (found as Tensor).data as Int32Array),

  /** `exp(x) / sum(exp(x))` over each row, without overflow. */
  softmax: (): Kernel<ValuesInput, Matrix> => ({
    name: "softmax",
    bind: ({ values }) =>
      bind("softmax", programOf(softmax, ["values"]), [readMatrix("softmax", "values", values)], asMatrix),
  }),

  /** `(x - mean) / deviation` of each column; a deviation of 0 counts as 1. */
  standardise: (): Kernel<StandardiseInputs, Matrix> => ({ name: "standardise", bind: bindStandardise }),

  /** Between each row of `a`, `[n, d]`, and each of `b`, `[m, d]`: `[n, m]`. `dot` is the inner product. */
  distance: (options: { readonly metric: Metric }): Kernel<PairInputs, Matrix> => pairKernel(distance(options.metric)),

  /** Exact nearest items: no index, every item is scored. */
  topK: (options: TopKOptions): Kernel<TopKInputs, TopKOutput> => ({
    name: "topK",
    bind: (inputs) => bindTopK(inputs, options),
  }),

  /** Sums of gradients and hessians in each bin of each column, for boosted trees. */
  histogram: ({ bins }: { readonly bins: number }): Kernel<HistogramInputs, HistogramOutput> => ({
    name: "histogram",
    bind: (inputs) => bindHistogram(inputs, bins),
  }),
} as const;

const asMatrix = ([matrix]: readonly Tensor[]): Matrix => matrix as Matrix;

function pairKernel(operation: Operation): Kernel<PairInputs, Matrix> {
  const { name } = operation;
  const program = programOf(operation, ["a", "b"]);
  return {
    name,
    bind: ({ a, b }) => bind(name, program, [readMatrix(name, "a", a), readMatrix(name, "b", b)], asMatrix),
  };
}

function reduction<Output>(
  name: Reduction,
  { axis }: ReductionOptions,
  finish: (results: readonly Tensor[]) => Output,
): Kernel<ValuesInput, Output> {
  const program = programOf(reduce(name, axis ?? 1), ["values"]);
  return {
    name,
    bind: ({ values }) => {
      const matrix = readMatrix(name, "values", values);
      const whole = { data: matrix.data, rows: 1, columns: matrix.data.length };
      return bind(name, program, [axis === undefined ? whole : matrix], finish);
    },
  };
}

function bindStandardise(inputs: StandardiseInputs): ReturnType<Kernel<StandardiseInputs, Matrix>["bind"]> {
  const read = (name: keyof StandardiseInputs): Tensor[] =>
    inputs[name] === undefined ? [] : [readMatrix("standardise", name, inputs[name])];
  const tensors = [...read("values"), ...read("mean"), ...read("deviation")];
  const names = (["values", "mean", "deviation"] as const).filter((name) => inputs[name] !== undefined);
  const nodes = [];
  let next = tensors.length;
  let mean = names.indexOf("mean");
  if (mean < 0) nodes.push({ operation: reduce("mean", 0), inputs: [0], outputs: [(mean = next++)] });
  let spread = names.indexOf("deviation");
  if (spread < 0) nodes.push({ operation: deviation, inputs: [0, mean], outputs: [(spread = next++)] });
  nodes.push({ operation: standardise, inputs: [0, mean, spread], outputs: [next] });
  return bind("standardise", createProgram(names, nodes, [next]), tensors, asMatrix);
}

function bindTopK(
  inputs: TopKInputs,
  { k, metric = "dot" }: TopKOptions,
): ReturnType<Kernel<TopKInputs, TopKOutput>["bind"]> {
  const queries = readMatrix("topK", "queries", inputs.queries);
  const items = readMatrix("topK", "items", inputs.items);
  // A backend may be unsure among the nearest: some more are kept, and measured by the definition.
  const kept = metric === "dot" || k > items.rows ? k : Math.min(2 * k + 8, items.rows);
  const score = { operation: distance(metric), inputs: [0, 1], outputs: [2] };
  const select = { operation: top(kept, metric === "dot" ? "greatest" : "least"), inputs: [2], outputs: [3, 4] };
  const program = createProgram(["queries", "items"], [score, select], [3, 4]);
  return bind("topK", program, [queries, items], ([indices, scores]) => {
    const found = [indices, scores] as readonly [Tensor, Tensor];
    if (metric !== "dot") return rescored(queries, items, found, metric, k);
    const [{ data, rows }, best] = found;
    return { indices: data as Int32Array, scores: best.data as Float32Array, rows, k };
  });
}

function bindHistogram(
  { columns, gradients, hessians }: HistogramInputs,
  bins: number,
): ReturnType<Kernel<HistogramInputs, HistogramOutput>["bind"]> {
  if (!Number.isSafeInteger(bins) || bins < 1 || bins > 65_536) {
    const rule = "it is a whole number from 1 to 65536";
    throw computeError("KERNEL_INPUT_INVALID", { kernel: "histogram", what: `bins is ${bins}`, rule });
  }
  const weights = [
    readWeights("histogram", "gradients", gradients),
    readWeights("histogram", "hessians", hessians),
  ] as const;
  const read = columns.map((column, i) => readBins("histogram", `columns[${i}]`, column, bins));
  const names = ["gradients", "hessians", ...columns.map((_, i) => `columns[${i}]`)];
  const tensors = [...weights, ...read];
  return bind("histogram", programOf(histogram(bins), names, 2), tensors, ([first, second]) => ({
    gradients: (first as Tensor).data as Float64Array,
    hessians: (second as Tensor).data as Float64Array,
    columns: columns.length,
    bins,
  }));
}
