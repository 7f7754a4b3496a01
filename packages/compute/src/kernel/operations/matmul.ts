import { onnxNode } from "../../onnx/build.ts";
import type { Operation } from "../operation.ts";
import { emptyMatrix, type Matrix, type Tensor } from "../tensor.ts";

/** `[m, k] x [k, n]` gives `[m, n]`. Sums of NaN and infinities are those of IEEE 754; an empty sum is 0. */
export const matmul: Operation = {
  name: "matmul",
  parameters: {},
  results: ([a, b]) => {
    if (a === undefined || b === undefined) return "it takes two matrices";
    if (a.columns !== b.rows) return `a.columns (${a.columns}) and b.rows (${b.rows}) are equal`;
    return [{ rows: a.rows, columns: b.columns }];
  },
  work: ([a, b]) => (a?.rows ?? 0) * (a?.columns ?? 0) * (b?.columns ?? 0),
  reference: ([a, b]) => [multiply(a as Tensor, b as Tensor)],
  gpu: ([a, b]) => ({
    stages: [
      {
        source: `function (a, b) {
  let sum = 0;
  for (let i = 0; i < this.constants.depth; i++) {
    sum += a[this.thread.y][i] * b[i][this.thread.x];
  }
  return sum;
}`,
        inputs: [0, 1],
        constants: { depth: a?.columns ?? 0 },
        output: { rows: a?.rows ?? 0, columns: b?.columns ?? 0 },
        steps: a?.columns ?? 0,
      },
    ],
  }),
  onnx: ({ inputs, outputs }) => ({ nodes: [onnxNode("MatMul", inputs, outputs)] }),
};

/** Rows of `b` whose 4 columns stay in the first cache while all rows of `a` pass. */
const DEPTH = 512;

/**
 * Tiles of four rows and four columns, whose sixteen sums stay in registers; the four columns of `b` are laid side by
 * side first. Sums are kept in float64 within a tile of {@link DEPTH} and rounded to float32 after it.
 */
export function multiply(a: Tensor, b: Tensor): Matrix {
  const out = emptyMatrix({ rows: a.rows, columns: b.columns });
  const packed = new Float64Array(4 * Math.min(DEPTH, a.columns));
  for (let from = 0; from < a.columns; from += DEPTH) {
    const depth = Math.min(DEPTH, a.columns - from);
    for (let column = 0; column < b.columns; column += 4) {
      const width = Math.min(4, b.columns - column);
      packed.fill(0);
      for (let k = 0; k < depth; k++) {
        const at = (from + k) * b.columns + column;
        for (let j = 0; j < width; j++) packed[4 * k + j] = b.data[at + j] as number;
      }
      let row = 0;
      if (width === 4) for (; row + 4 <= a.rows; row += 4) tile(a, packed, out, row, column, from, depth);
      for (; row < a.rows; row++) edge(a, packed, out, row, column, width, from, depth);
    }
  }
  return out;
}

function tile(a: Tensor, b: Float64Array, out: Matrix, row: number, column: number, from: number, depth: number): void {
  const { data, columns } = a;
  const r0 = row * columns + from;
  const r1 = r0 + columns;
  const r2 = r1 + columns;
  const r3 = r2 + columns;
  let s00 = 0,
    s01 = 0,
    s02 = 0,
    s03 = 0;
  let s10 = 0,
    s11 = 0,
    s12 = 0,
    s13 = 0;
  let s20 = 0,
    s21 = 0,
    s22 = 0,
    s23 = 0;
  let s30 = 0,
    s31 = 0,
    s32 = 0,
    s33 = 0;
  for (let k = 0, at = 0; k < depth; k++, at += 4) {
    const b0 = b[at] as number;
    const b1 = b[at + 1] as number;
    const b2 = b[at + 2] as number;
    const b3 = b[at + 3] as number;
    const a0 = data[r0 + k] as number;
    s00 += a0 * b0;
    s01 += a0 * b1;
    s02 += a0 * b2;
    s03 += a0 * b3;
    const a1 = data[r1 + k] as number;
    s10 += a1 * b0;
    s11 += a1 * b1;
    s12 += a1 * b2;
    s13 += a1 * b3;
    const a2 = data[r2 + k] as number;
    s20 += a2 * b0;
    s21 += a2 * b1;
    s22 += a2 * b2;
    s23 += a2 * b3;
    const a3 = data[r3 + k] as number;
    s30 += a3 * b0;
    s31 += a3 * b1;
    s32 += a3 * b2;
    s33 += a3 * b3;
  }
  addFour(out, row, column, s00, s01, s02, s03);
  addFour(out, row + 1, column, s10, s11, s12, s13);
  addFour(out, row + 2, column, s20, s21, s22, s23);
  addFour(out, row + 3, column, s30, s31, s32, s33);
}

function addFour(
  { data, columns }: Matrix,
  row: number,
  column: number,
  ...sums: [number, number, number, number]
): void {
  const at = row * columns + column;
  for (let j = 0; j < 4; j++) data[at + j] = (data[at + j] as number) + (sums[j] as number);
}

function edge(
  a: Tensor,
  b: Float64Array,
  out: Matrix,
  row: number,
  column: number,
  width: number,
  from: number,
  depth: number,
): void {
  const start = row * a.columns + from;
  for (let j = 0; j < width; j++) {
    let sum = 0;
    for (let k = 0; k < depth; k++) sum += (a.data[start + k] as number) * (b[4 * k + j] as number);
    const at = row * out.columns + column + j;
    out.data[at] = (out.data[at] as number) + sum;
  }
}
