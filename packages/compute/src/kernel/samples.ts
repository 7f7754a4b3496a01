import type { BoundKernel } from "./kernel.ts";
import { kernel } from "./kernels.ts";
import type { Matrix } from "./tensor.ts";

/** Kernels of each size on pseudo-random inputs, in the order in which a runtime measures them when it starts. */
export function* samples(): Generator<BoundKernel<unknown>> {
  for (const side of [32, 128, 256]) yield product(side);
  for (const [queries, items, depth] of [
    [1, 64, 32],
    [4, 4096, 64],
    [16, 16_384, 64],
  ] as const) {
    yield kernel.topK({ k: 10 }).bind({ queries: filled(queries, depth, 3), items: filled(items, depth, 4) });
  }
  for (const [rows, columns] of [
    [1024, 8],
    [2 ** 17, 8],
    [2 ** 19, 32],
  ] as const) {
    const { data } = filled(1, rows, 5);
    const bins = Uint8Array.from(data, (value) => (value + 1) * 128);
    const inputs = { columns: Array.from({ length: columns }, () => bins), gradients: data, hessians: data };
    yield kernel.histogram({ bins: 256 }).bind(inputs);
  }
}

/** A matrix product of squares. */
export function product(side: number): BoundKernel<unknown> {
  return kernel.matmul().bind({ a: filled(side, side, 1), b: filled(side, side, 2) });
}

/** Numbers in [-1, 1). */
function filled(rows: number, columns: number, seed: number): Matrix {
  const data = new Float32Array(rows * columns);
  let state = seed;
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    data[i] = state / 2 ** 31 - 1;
  }
  return { data, rows, columns };
}
