import type { MatrixProduct, Matrix } from "./kernels.ts";
import { multiplyBlocked } from "./plain-js.ts";

export type SizeClass = "small" | "medium" | "large";

/** Matrix products by the work in them: multiplications, and the side of the square product that is measured. */
export const sizeClasses: readonly { readonly name: SizeClass; readonly atMost: number; readonly side: number }[] = [
  { name: "small", atMost: 64 ** 3, side: 32 },
  { name: "medium", atMost: 192 ** 3, side: 128 },
  { name: "large", atMost: Number.POSITIVE_INFINITY, side: 256 },
];

export function sizeClassOf(a: Matrix, b: Matrix): SizeClass {
  const work = a.rows * a.columns * b.columns;
  return sizeClasses.find((size) => work <= size.atMost)?.name ?? "large";
}

export interface Measurement {
  readonly backend: string;
  /** Best of the repeats, in milliseconds. */
  readonly milliseconds: number;
  /** Greatest absolute difference to plain JS on inputs in [-1, 1). */
  readonly maxError: number;
  /** False when the error is above the tolerance: then it is never chosen. */
  readonly correct: boolean;
}

/** Multiplies fixed pseudo-random squares; the best of up to three runs that fit in about 200 ms. */
export async function measure(backend: string, multiply: MatrixProduct, side: number): Promise<Measurement> {
  const a = filled(side, 1);
  const b = filled(side, 2);
  const expected = multiplyBlocked({ a, b }).data;
  let maxError = 0;
  let best = Number.POSITIVE_INFINITY;
  const began = performance.now();
  for (let run = 0; run < 3 && (run === 0 || performance.now() - began < 200); run++) {
    const start = performance.now();
    const { data } = await multiply({ a, b });
    best = Math.min(best, performance.now() - start);
    if (data.length !== expected.length) maxError = Number.POSITIVE_INFINITY;
    for (let i = 0; i < expected.length; i++) {
      const error = Math.abs((data[i] ?? Number.NaN) - (expected[i] as number));
      maxError = error <= maxError ? maxError : Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
    }
  }
  return { backend, milliseconds: best, maxError, correct: maxError <= tolerance(side) };
}

/** The order of summation may differ: 2^-22 for each of the terms. */
function tolerance(depth: number): number {
  return depth * 2 ** -22;
}

function filled(side: number, seed: number): Matrix {
  const data = new Float32Array(side * side);
  let state = seed;
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    data[i] = state / 2 ** 31 - 1;
  }
  return { data, rows: side, columns: side };
}
