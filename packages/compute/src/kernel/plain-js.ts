import type { KernelBackend } from "./backend.ts";
import type { Matrix, MatmulInputs } from "./kernels.ts";

/** Side of the block of `b` that stays in the cache: 64 rows of 256 floats are 64 KiB. */
const block = { depth: 64, width: 256 } as const;

/** Typed arrays, blocked for the cache. Always there; every other backend is checked against it. */
export function plainJs(): KernelBackend {
  return {
    name: "plain-js",
    open: async () => ({ available: true, multiply: async (inputs) => multiplyBlocked(inputs), close: async () => {} }),
  };
}

export function multiplyBlocked({ a, b }: MatmulInputs): Matrix {
  const rows = a.rows;
  const depth = a.columns;
  const width = b.columns;
  const out = new Float32Array(rows * width);
  for (let k0 = 0; k0 < depth; k0 += block.depth) {
    const kEnd = Math.min(k0 + block.depth, depth);
    for (let j0 = 0; j0 < width; j0 += block.width) {
      const jEnd = Math.min(j0 + block.width, width);
      for (let i = 0; i < rows; i++) {
        for (let k = k0; k < kEnd; k++) {
          const factor = a.data[i * depth + k] as number;
          const from = k * width;
          const to = i * width;
          for (let j = j0; j < jEnd; j++) out[to + j] = (out[to + j] as number) + factor * (b.data[from + j] as number);
        }
      }
    }
  }
  return { data: out, rows, columns: width };
}
