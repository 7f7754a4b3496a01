import { type KernelBackend, openOrExplain } from "./backend.ts";
import type { Matrix } from "./kernels.ts";

/** The part of gpu.js that is used. */
export interface GpuJs {
  readonly GPU: new (settings: { mode: never }) => GpuJsInstance;
  readonly input: (data: Float32Array, size: [number, number]) => unknown;
}

export interface GpuJsInstance {
  createKernel(source: never, settings: never): unknown;
  destroy(): Promise<void> | void;
}

export type GpuJsMode = "cpu" | "webasm" | "webgpu";

type GpuJsKernel = ((a: unknown, b: unknown) => ArrayLike<Float32Array> | Promise<ArrayLike<Float32Array>>) & {
  destroy?: () => void;
};

// gpu.js compiles the text of the function; a string is safe from what a bundler does to functions.
const source = `function (a, b) {
  let sum = 0;
  for (let i = 0; i < this.constants.depth; i++) {
    sum += a[this.thread.y][i] * b[i][this.thread.x];
  }
  return sum;
}`;

/** gpu.js in one of its modes; the module is handed in or imported on opening. */
export function gpuJs(options: { readonly mode: GpuJsMode; readonly module?: GpuJs }): KernelBackend {
  const name = `gpu.js:${options.mode}`;
  return {
    name,
    open: () =>
      openOrExplain(async () => {
        const library = options.module ?? (await importGpuJs());
        const gpu = new library.GPU({ mode: options.mode as never });
        const multiply = async ({ a, b }: { a: Matrix; b: Matrix }): Promise<Matrix> => {
          const settings = { output: [b.columns, a.rows], constants: { depth: a.columns }, precision: "single" };
          const run = gpu.createKernel(source as never, settings as never) as GpuJsKernel;
          const left = library.input(a.data, [a.columns, a.rows]);
          const right = library.input(b.data, [b.columns, b.rows]);
          const lines = await run(left, right);
          const data = new Float32Array(a.rows * b.columns);
          for (let row = 0; row < a.rows; row++) data.set(lines[row] as Float32Array, row * b.columns);
          run.destroy?.();
          return { data, rows: a.rows, columns: b.columns };
        };
        const one: Matrix = { data: new Float32Array([1]), rows: 1, columns: 1 };
        await multiply({ a: one, b: one });
        return { available: true, multiply, close: async () => void (await gpu.destroy()) };
      }),
  };
}

async function importGpuJs(): Promise<GpuJs> {
  const specifier = "gpu.js";
  const module = (await import(specifier).catch((error: unknown) => {
    throw new Error(`gpu.js is not installed; run: npm install gpu.js@"^2.24.0"`, { cause: error });
  })) as GpuJs & { readonly default?: GpuJs };
  return module.default ?? module;
}
