import { moduleBytes } from "./simd.wasm.ts";
import { emptyMatrix, type Matrix, type Tensor } from "./tensor.ts";

interface Loops {
  readonly multiply: (a: number, b: number, out: number, rows: number, depth: number, panels: number) => void;
  readonly softmax: (row: number, rows: number, line: number) => void;
  readonly histogram: (bins: number, stride: number, pairs: number, rows: number, cells: number, width: number) => void;
}

/** The loops of `simd.wat`, which work on pieces that are copied into a memory of their own. */
export interface Simd {
  /** `a` times `b`, or times the transposed of `b` when its `rows` are what `a` is multiplied with. */
  multiply(a: Tensor, b: Tensor, by: "columns" | "rows"): Matrix;
  /** Shares of each row. */
  softmax(values: Tensor): Matrix;
  /** Sums in float64, for at most 256 bins. */
  histogram(gradients: Tensor, hessians: Tensor, columns: readonly Tensor[], bins: number): readonly [Tensor, Tensor];
}

/** Bytes of a piece of an operand: a share of the second cache. */
const PIECE = 2 ** 20;
/** Rows of a piece of a histogram. */
const HISTOGRAM_ROWS = 2 ** 14;

/** @throws WebAssembly.CompileError where vectors are not supported */
export async function simd(): Promise<Simd> {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const { instance } = await WebAssembly.instantiate(moduleBytes(), { kernel: { memory } });
  const loops = instance.exports as { [Name in keyof Loops]: Loops[Name] } & WebAssembly.Exports;
  const reserve = (bytes: number): ArrayBuffer => {
    const missing = bytes - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / 65_536));
    return memory.buffer;
  };
  return {
    multiply: (a, b, by) =>
      // The second operand is laid out anew, the first is only copied: the greater one comes first.
      by === "rows" && a.rows < b.rows
        ? transposed(multiply(loops, reserve, b, a, by))
        : multiply(loops, reserve, a, b, by),
    softmax: (values) => softmax(loops, reserve, values),
    histogram: (gradients, hessians, columns, bins) => histogram(loops, reserve, gradients, hessians, columns, bins),
  };
}

type Reserve = (bytes: number) => ArrayBuffer;

function multiply(loops: Loops, reserve: Reserve, a: Tensor, b: Tensor, by: "columns" | "rows"): Matrix {
  const depth = a.columns;
  const width = by === "columns" ? b.columns : b.rows;
  const out = emptyMatrix({ rows: a.rows, columns: width });
  const share = Math.floor(PIECE / (4 * depth));
  const panels = Math.min(Math.ceil(width / 8), Math.max(1, share >> 3));
  const tile = Math.min(Math.ceil(a.rows / 4) * 4, Math.max(4, share & ~3));
  const fromA = 0;
  const fromB = 4 * tile * depth;
  const fromOut = fromB + 32 * panels * depth;
  const memory = new Float32Array(reserve(fromOut + 32 * panels * tile));
  for (let column = 0; column < width; column += 8 * panels) {
    const columns = Math.min(8 * panels, width - column);
    pack(memory, fromB / 4, b, column, columns, depth, by);
    for (let row = 0; row < a.rows; row += tile) {
      const rows = Math.min(tile, a.rows - row);
      const padded = Math.ceil(rows / 4) * 4;
      memory.set(a.data.subarray(row * depth, (row + rows) * depth), fromA);
      memory.fill(0, fromA + rows * depth, fromA + padded * depth);
      const wide = Math.ceil(columns / 8);
      loops.multiply(4 * fromA, fromB, fromOut, padded, depth, wide);
      for (let i = 0; i < rows; i++) {
        const from = fromOut / 4 + i * 8 * wide;
        const to = (row + i) * width + column;
        if (columns > 32) out.data.set(memory.subarray(from, from + columns), to);
        else for (let j = 0; j < columns; j++) out.data[to + j] = memory[from + j] as number;
      }
    }
  }
  return out;
}

function transposed({ data, rows, columns }: Matrix): Matrix {
  const out = emptyMatrix({ rows: columns, columns: rows });
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, at++) out.data[column * rows + row] = data[at] as number;
  }
  return out;
}

/** Eight columns side by side for each step of the depth; what is missing from the last eight is 0. */
function pack(
  memory: Float32Array,
  to: number,
  { data, columns: line }: Tensor,
  first: number,
  count: number,
  depth: number,
  by: "columns" | "rows",
): void {
  for (let panel = 0, at = to; panel < count; panel += 8, at += 8 * depth) {
    const own = Math.min(8, count - panel);
    if (own < 8) memory.fill(0, at, at + 8 * depth);
    for (let outer = 0; outer < (by === "columns" ? depth : own); outer++) {
      if (by === "columns") {
        const from = outer * line + first + panel;
        for (let j = 0; j < own; j++) memory[at + 8 * outer + j] = data[from + j] as number;
      } else {
        const from = (first + panel + outer) * line;
        for (let k = 0; k < depth; k++) memory[at + 8 * k + outer] = data[from + k] as number;
      }
    }
  }
}

function softmax(loops: Loops, reserve: Reserve, { data, rows, columns }: Tensor): Matrix {
  const out = emptyMatrix({ rows, columns });
  const wide = Math.ceil(columns / 4) * 4;
  const tile = Math.max(1, Math.min(rows, Math.floor(PIECE / (4 * wide))));
  const memory = new Float32Array(reserve(4 * wide * tile));
  for (let row = 0; row < rows; row += tile) {
    const count = Math.min(tile, rows - row);
    const values = data.subarray(row * columns, (row + count) * columns);
    if (wide === columns) memory.set(values);
    else {
      memory.fill(Number.NEGATIVE_INFINITY, 0, count * wide);
      for (let i = 0; i < count; i++) copyLine(memory, i * wide, values, i * columns, columns);
    }
    loops.softmax(0, count, 4 * wide);
    const result = out.data.subarray(row * columns, (row + count) * columns);
    if (wide === columns) result.set(memory.subarray(0, count * wide));
    else for (let i = 0; i < count; i++) copyLine(result, i * columns, memory, i * wide, columns);
  }
  return out;
}

type Numbers = Tensor["data"];

/** A loop, because a view of a few numbers costs more than to copy them. */
function copyLine(to: Numbers, start: number, from: Numbers, at: number, count: number): void {
  for (let i = 0; i < count; i++) to[start + i] = from[at + i] as number;
}

function histogram(
  loops: Loops,
  reserve: Reserve,
  gradients: Tensor,
  hessians: Tensor,
  columns: readonly Tensor[],
  bins: number,
): readonly [Tensor, Tensor] {
  const rows = gradients.columns;
  const groups = Math.ceil(columns.length / 4);
  // A column has 256 cells whatever the bins are: no byte leads outside.
  const width = 256 * 16;
  const fromPairs = 4 * groups * width;
  const fromBins = fromPairs + 16 * HISTOGRAM_ROWS;
  const buffer = reserve(fromBins + 4 * HISTOGRAM_ROWS);
  const cells = new Float64Array(buffer, 0, (4 * groups * width) / 8).fill(0);
  const pairs = new Float64Array(buffer, fromPairs, 2 * HISTOGRAM_ROWS);
  const bytes = new Uint8Array(buffer, fromBins, 4 * HISTOGRAM_ROWS);
  for (let first = 0; first < rows; first += HISTOGRAM_ROWS) {
    const count = Math.min(HISTOGRAM_ROWS, rows - first);
    for (let i = 0; i < count; i++) {
      pairs[2 * i] = gradients.data[first + i] as number;
      pairs[2 * i + 1] = hessians.data[first + i] as number;
    }
    for (let group = 0; group < groups; group++) {
      for (let c = 0; c < 4; c++) {
        const column = columns[4 * group + c];
        if (column !== undefined) bytes.set(column.data.subarray(first, first + count), c * HISTOGRAM_ROWS);
      }
      loops.histogram(fromBins, HISTOGRAM_ROWS, fromPairs, count, 4 * group * width, width);
    }
  }
  const sums = (offset: number): Tensor => {
    const data = new Float64Array(columns.length * bins);
    columns.forEach((_, column) => {
      for (let bin = 0; bin < bins; bin++) {
        data[column * bins + bin] = cells[(column * width) / 8 + 2 * bin + offset] as number;
      }
    });
    return { data, rows: columns.length, columns: bins };
  };
  return [sums(0), sums(1)];
}
