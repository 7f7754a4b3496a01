import { fuse, type Kernel, kernel, type KernelRuntime, type Matrix } from "../kernel/index.ts";
import {
  distanceOracle,
  firstDeviation,
  histogramOracle,
  matmulOracle,
  reduceOracle,
  softmaxOracle,
  standardiseOracle,
  topKDeviation,
} from "./oracle.ts";

/** One kernel on inputs of given lengths. */
export interface KernelCase {
  readonly kernel: string;
  readonly title: string;
  /** What is wrong with the backend's result, or null. */
  readonly check: (runtime: KernelRuntime, backend: string) => Promise<string | null>;
}

export interface CaseLengths {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
}

/** Any numbers in [-2, 2), or eighths of small whole numbers, whose sums are exact in float32. */
type Draw = (count: number) => Float32Array;

/** Every kernel on pseudo-random inputs of these lengths, which may be 0: a kernel without a meaning then is left out. */
export function kernelCases(lengths: CaseLengths, seed: number): readonly KernelCase[] {
  const { rows, columns, depth } = lengths;
  const { floats, eighths, bins } = draws(seed);
  const matrix = (m: number, n: number, draw: Draw): Matrix => ({ data: draw(m * n), rows: m, columns: n });
  const title = `${rows} x ${columns}, depth ${depth}`;
  const cases: KernelCase[] = [];
  const add = <Inputs, Output>(
    name: string,
    ours: Kernel<Inputs, Output>,
    inputs: Inputs,
    judge: (output: Output) => string | null,
  ): void => {
    const check: KernelCase["check"] = async (runtime, backend) => judge(await runtime.run(ours, inputs, { backend }));
    cases.push({ kernel: ours.name, title: `${name}, ${title}`, check });
  };

  const values = matrix(rows, columns, floats);
  const a = matrix(rows, depth, floats);
  const b = matrix(depth, columns, floats);
  const others = matrix(columns, depth, floats);
  add("matmul", kernel.matmul(), { a, b }, ({ data }) => firstDeviation(data, matmulOracle(a, b)));
  for (const metric of ["dot", "l2", "cosine"] as const) {
    const expected = distanceOracle(a, others, metric);
    const inputs = { a, b: others };
    add(`distance ${metric}`, kernel.distance({ metric }), inputs, ({ data }) => firstDeviation(data, expected));
    if (columns === 0) continue;
    const k = Math.min(columns, 3);
    const items = { queries: a, items: others };
    add(`topK ${metric}`, kernel.topK({ k, metric }), items, (found) =>
      topKDeviation(found, expected, columns, metric),
    );
  }
  for (const axis of [0, 1] as const) {
    const length = axis === 0 ? rows : columns;
    for (const kind of length === 0 ? (["sum", "mean"] as const) : (["sum", "mean", "min", "max"] as const)) {
      const expected = reduceOracle(kind, values, axis);
      add(`${kind} ${axis}`, kernel[kind]({ axis }), { values }, ({ data }) => firstDeviation(data, expected));
    }
    // Ties, of which the first is wanted.
    const tied = matrix(rows, columns, eighths);
    const first = reduceOracle("argmax", tied, axis);
    if (length > 0) add(`argmax ${axis}`, kernel.argmax({ axis }), { values: tied }, (at) => firstDeviation(at, first));
  }
  const whole = { data: values.data, rows: 1, columns: values.data.length };
  add("sum", kernel.sum(), { values }, ({ data }) => firstDeviation(data, reduceOracle("sum", whole, 1)));
  add("softmax", kernel.softmax(), { values }, ({ data }) => firstDeviation(data, softmaxOracle(values)));

  const mean = matrix(1, columns, floats);
  const spread = matrix(1, columns, (count) =>
    floats(count).map((value, i) => (i % 3 === 2 ? 0 : Math.abs(value) + 0.25)),
  );
  const given = { mean, deviation: spread };
  const scaled = standardiseOracle(values, given);
  add("standardise", kernel.standardise(), { values, ...given }, ({ data }) => firstDeviation(data, scaled));
  if (rows > 2) {
    const own = standardiseOracle(values);
    add("standardise by itself", kernel.standardise(), { values }, ({ data }) => firstDeviation(data, own));
  }

  const count = rows * depth;
  const gradients = floats(count);
  const hessians = floats(count).map(Math.abs);
  const binned = Array.from({ length: Math.max(columns, 1) }, (_, i) => bins(count, i));
  const sums = { columns: binned, gradients, hessians };
  add("histogram", kernel.histogram({ bins: 19 }), sums, (found) => {
    const wrong = firstDeviation(found.gradients, histogramOracle(binned, gradients, 19));
    return wrong ?? firstDeviation(found.hessians, histogramOracle(binned, hessians, 19));
  });

  const classify = fuse("classify", ["rows", "mean", "deviation", "weights"], (on, input) =>
    on.softmax(on.matmul(on.standardise(input.rows, input.mean, input.deviation), input.weights)),
  );
  const fused = { rows: values, mean, deviation: spread, weights: matrix(columns, depth, floats) };
  add("fused", classify, fused, ({ data }) => {
    const between = { ...values, data: Float32Array.from(scaled.values) };
    const logits = matmulOracle(between, fused.weights);
    const expected = softmaxOracle({ data: Float32Array.from(logits.values), rows, columns: depth });
    return firstDeviation(data, { ...expected, bounds: expected.bounds.map((bound) => bound + 1e-4) });
  });
  return cases;
}

/** A linear congruential generator: the same seed gives the same inputs. */
function draws(seed: number): {
  readonly floats: Draw;
  readonly eighths: Draw;
  readonly bins: (count: number, column: number) => Uint8Array | Uint16Array;
} {
  let state = seed >>> 0;
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const bin = (): number => Math.floor(next() * 19);
  return {
    floats: (count) => Float32Array.from({ length: count }, () => next() * 4 - 2),
    eighths: (count) => Float32Array.from({ length: count }, () => Math.floor(next() * 17 - 8) / 8),
    bins: (length, column) => (column % 2 === 0 ? Uint8Array.from({ length }, bin) : Uint16Array.from({ length }, bin)),
  };
}
