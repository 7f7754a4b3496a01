import type { Axis, Matrix, Metric, TopKOutput } from "../kernel/index.ts";

/** Expected values in float64, each with the distance to it that float32 and another order of sums may make. */
export interface Expected {
  readonly values: Float64Array;
  readonly bounds: Float64Array;
}

const EPSILON = 2 ** -22;

function build(size: number, at: (index: number) => readonly [value: number, bound: number]): Expected {
  const values = new Float64Array(size);
  const bounds = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    const [value, bound] = at(i);
    values[i] = value;
    bounds[i] = bound + 2 ** -120;
  }
  return { values, bounds };
}

function cell({ data, columns }: Matrix, row: number, column: number): number {
  return data[row * columns + column] ?? Number.NaN;
}

function sumOf(count: number, at: (index: number) => number): { readonly sum: number; readonly size: number } {
  let sum = 0;
  let size = 0;
  for (let i = 0; i < count; i++) {
    sum += at(i);
    size += Math.abs(at(i));
  }
  return { sum, size };
}

export function matmulOracle(a: Matrix, b: Matrix): Expected {
  return build(a.rows * b.columns, (i) => {
    const row = Math.floor(i / b.columns);
    const column = i % b.columns;
    const { sum, size } = sumOf(a.columns, (k) => cell(a, row, k) * cell(b, k, column));
    return [sum, (a.columns + 2) * EPSILON * size];
  });
}

export function reduceOracle(kind: "sum" | "mean" | "min" | "max" | "argmax", m: Matrix, axis: Axis): Expected {
  const lines = axis === 0 ? m.columns : m.rows;
  const count = axis === 0 ? m.rows : m.columns;
  return build(lines, (line) => {
    const values = Array.from({ length: count }, (_, i) => (axis === 0 ? cell(m, i, line) : cell(m, line, i)));
    const { sum, size } = sumOf(count, (i) => values[i] ?? Number.NaN);
    if (kind === "sum") return [sum, (count + 2) * EPSILON * size];
    if (kind === "mean") return [sum / count, (count + 2) * EPSILON * (size / Math.max(count, 1))];
    const missing = values.findIndex(Number.isNaN);
    if (kind === "argmax") return [missing < 0 ? values.indexOf(Math.max(...values)) : missing, 0];
    return [missing >= 0 ? Number.NaN : kind === "min" ? Math.min(...values) : Math.max(...values), 0];
  });
}

export function softmaxOracle(m: Matrix): Expected {
  return build(m.data.length, (i) => {
    const row = Math.floor(i / m.columns);
    const values = Array.from({ length: m.columns }, (_, column) => cell(m, row, column));
    const most = Math.max(...values);
    const { sum } = sumOf(values.length, (column) => Math.exp((values[column] ?? 0) - most));
    const spread = most - Math.min(...values);
    const value = Math.exp((values[i % m.columns] ?? 0) - most) / sum;
    return [value, value * (m.columns + 16 + 4 * spread) * EPSILON];
  });
}

export function standardiseOracle(m: Matrix, given?: { readonly mean: Matrix; readonly deviation: Matrix }): Expected {
  const moments = Array.from({ length: m.columns }, (_, column) => {
    if (given !== undefined) return { mean: cell(given.mean, 0, column), deviation: cell(given.deviation, 0, column) };
    const mean = sumOf(m.rows, (row) => cell(m, row, column)).sum / m.rows;
    const variance = sumOf(m.rows, (row) => (cell(m, row, column) - mean) ** 2).sum / m.rows;
    return { mean, deviation: Math.sqrt(variance) };
  });
  return build(m.data.length, (i) => {
    const { mean, deviation } = moments[i % m.columns] ?? { mean: 0, deviation: 1 };
    const scale = deviation === 0 ? 1 : deviation;
    const value = ((m.data[i] ?? 0) - mean) / scale;
    const most = Math.max(...m.data.map(Math.abs), Math.abs(mean));
    const terms = given === undefined ? m.rows : 0;
    return [value, (terms + 8) * EPSILON * (most / Math.abs(scale)) * (1 + Math.abs(value))];
  });
}

export function distanceOracle(a: Matrix, b: Matrix, metric: Metric): Expected {
  return build(a.rows * b.rows, (i) => {
    const row = Math.floor(i / b.rows);
    const other = i % b.rows;
    const depth = a.columns;
    const dot = sumOf(depth, (k) => cell(a, row, k) * cell(b, other, k));
    if (metric === "dot") return [dot.sum, (depth + 2) * EPSILON * dot.size];
    const aa = sumOf(depth, (k) => cell(a, row, k) ** 2).sum;
    const bb = sumOf(depth, (k) => cell(b, other, k) ** 2).sum;
    if (metric === "cosine") {
      const scale = Math.sqrt(aa) * Math.sqrt(bb);
      return [1 - (scale === 0 ? 0 : dot.sum / scale), (depth + 8) * 4 * EPSILON];
    }
    const distance = Math.sqrt(sumOf(depth, (k) => (cell(a, row, k) - cell(b, other, k)) ** 2).sum);
    return [distance, Math.sqrt(distance ** 2 + (depth + 4) * 2 * EPSILON * (aa + bb)) - distance + EPSILON * distance];
  });
}

export function histogramOracle(
  columns: readonly (Uint8Array | Uint16Array)[],
  values: Float32Array,
  bins: number,
): Expected {
  return build(columns.length * bins, (i) => {
    const column = columns[Math.floor(i / bins)] ?? new Uint8Array(0);
    const bin = i % bins;
    const { sum, size } = sumOf(values.length, (row) => (column[row] === bin ? (values[row] ?? 0) : 0));
    return [sum, (values.length + 2) * EPSILON * size];
  });
}

/** The first value outside its bound, as a sentence; null when all are within. NaN is expected where it is. */
export function firstDeviation(found: ArrayLike<number>, { values, bounds }: Expected): string | null {
  if (found.length !== values.length) return `${found.length} values instead of ${values.length}`;
  for (let i = 0; i < values.length; i++) {
    const own = found[i] as number;
    const want = values[i] as number;
    if (own === want || (Number.isNaN(own) && Number.isNaN(want))) continue;
    if (!(Math.abs(own - want) <= (bounds[i] as number))) return `${own} instead of ${want} at ${i}`;
  }
  return null;
}

/** What is wrong with a choice of nearest items, given all scores; null when it is a right one within their bounds. */
export function topKDeviation(
  { indices, scores, k, rows }: TopKOutput,
  expected: Expected,
  items: number,
  metric: Metric,
): string | null {
  const sign = metric === "dot" ? 1 : -1;
  for (let query = 0; query < rows; query++) {
    const chosen = new Set(indices.subarray(query * k, query * k + k));
    if (chosen.size !== k) return `query ${query} has items twice`;
    const at = (item: number): number => query * items + item;
    for (let i = 0; i < k; i++) {
      const item = indices[query * k + i] ?? -1;
      const score = scores[query * k + i] ?? Number.NaN;
      const bound = expected.bounds[at(item)] ?? 0;
      if (!(Math.abs(score - (expected.values[at(item)] ?? Number.NaN)) <= bound)) {
        return `item ${item} of query ${query} scores ${score} instead of ${expected.values[at(item)]}`;
      }
      if (i > 0 && sign * (score - (scores[query * k + i - 1] ?? 0)) > 0) return `query ${query} is out of order`;
    }
    const worst = scores[query * k + k - 1] ?? 0;
    for (let item = 0; item < items; item++) {
      if (chosen.has(item)) continue;
      const better = sign * ((expected.values[at(item)] ?? 0) - worst);
      if (better > 2 * (expected.bounds[at(item)] ?? 0)) return `item ${item} of query ${query} was passed over`;
    }
  }
  return null;
}
