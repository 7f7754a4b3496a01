import { type Call, type KernelBackend, type KernelEngine, openOrExplain } from "./backend.ts";
import { Cache } from "./cache.ts";
import { type GpuPlan, planOf } from "./gpu-plan.ts";
import { runPlain } from "./plain-js.ts";
import type { Program } from "./program.ts";
import type { Tensor } from "./tensor.ts";

/** The part of gpu.js that is used. */
export interface GpuJs {
  readonly GPU: GpuJsConstructor;
  readonly Input: new (data: never, size: never) => unknown;
}

export interface GpuJsConstructor {
  new (settings: { mode: never }): GpuJsInstance;
  readonly isHeadlessGLSupported?: boolean;
}

export interface GpuJsInstance {
  createKernel(source: never, settings: never): unknown;
  createPipeline(orchestrate: never): unknown;
  destroy(): Promise<void> | void;
}

export type GpuJsMode = "cpu" | "webasm" | "headlessgl" | "webgpu";

export interface GpuJsOptions {
  readonly mode: GpuJsMode;
  /** The module `gpu.js`. @default imported on opening */
  readonly module?: GpuJs;
  /**
   * For the mode `webgpu`: the module `webgpu`, which brings WebGPU to Node. @default imported on opening where there is
   * no `navigator.gpu` yet
   */
  readonly webgpu?: WebGpu;
}

/** The part of the package `webgpu` that is used. */
export interface WebGpu {
  readonly create: (flags: string[]) => unknown;
  readonly globals: object;
}

type Lines = ArrayLike<ArrayLike<number>>;
type Pipeline = ((...inputs: unknown[]) => Promise<readonly Lines[]>) & {
  readonly destroy: () => Promise<void> | void;
};
type Stage = (...inputs: unknown[]) => unknown;

interface Compiled {
  readonly plan: GpuPlan;
  readonly pipeline: Pipeline;
  readonly stages: readonly (Stage & { readonly destroy?: () => void })[];
}

/**
 * gpu.js in one of its modes. A program becomes one pipeline: what lies between its steps stays on the device, and one
 * result is read back. Operations without a gpu.js form at the end of a program run in plain JS.
 */
export function gpuJs(options: GpuJsOptions): KernelBackend {
  const { mode } = options;
  return {
    name: `gpu.js:${mode}`,
    open: () =>
      openOrExplain(async () => {
        const library = options.module ?? (await importGpuJs());
        if (mode === "headlessgl" && library.GPU.isHeadlessGLSupported !== true) {
          throw new Error("the package gl is not built, or there is no display");
        }
        if (mode === "webgpu") await provideWebGpu(options.webgpu);
        return new GpuJsEngine(library, mode);
      }),
  };
}

class GpuJsEngine implements KernelEngine {
  // Neither the comparisons of its kernels nor WGSL promise anything about NaN.
  readonly nonFinite = "unspecified";
  readonly #library: GpuJs;
  readonly #gpu: GpuJsInstance;
  readonly #compiled = new Cache<Compiled>(16, async ({ pipeline, stages }) => {
    await pipeline.destroy();
    for (const stage of stages) stage.destroy?.();
  });

  constructor(library: GpuJs, mode: GpuJsMode) {
    this.#library = library;
    this.#gpu = new library.GPU({ mode: mode as never });
  }

  refuses({ nodes }: Program): string | null {
    return nodes[0]?.operation.gpu === undefined ? `${nodes[0]?.operation.name} has no gpu.js form` : null;
  }

  steps({ program, shapes }: Call): number {
    return planOf(program, shapes).steps;
  }

  async run(call: Call): Promise<readonly Tensor[]> {
    const { program, tensors, shapes } = call;
    const sizes = tensors.map(({ rows, columns }) => `${rows}x${columns}`).join(",");
    const inputs = tensors.map(
      ({ data, rows, columns }) => new this.#library.Input(plainData(data), [columns, rows] as never),
    );
    const { plan, read } = await this.#compiled.use(
      `${program.key}|${sizes}`,
      async () => this.#compile(call),
      async (compiled) => ({ plan: compiled.plan, read: await compiled.pipeline(...inputs) }),
    );
    const values: Tensor[] = [...tensors];
    let next = 0;
    for (const { value, stages } of plan.read) {
      const lines = stages.flatMap(() => Array.from(read[next++] ?? []));
      values[value] = joined(lines, shapes[value] as Tensor, plan.kindOf(value));
    }
    return plan.host === undefined
      ? program.results.map((value) => values[value] as Tensor)
      : runPlain({ program: plan.host, tensors: values });
  }

  async close(): Promise<void> {
    await this.#compiled.clear();
    await this.#gpu.destroy();
  }

  #compile({ program, shapes }: Call): Compiled {
    const plan = planOf(program, shapes);
    const stages = plan.stages.map(({ source, constants, output }) => {
      const settings = { output: [output.columns, output.rows], constants, precision: "single" };
      return this.#gpu.createKernel(source as never, settings as never) as Stage;
    });
    // Called once, with handles for the inputs; what it calls is recorded.
    const orchestrate = (...inputs: unknown[]): unknown[] => {
      const handles = [...inputs];
      plan.stages.forEach((stage, i) => handles.push(stages[i]?.(...stage.inputs.map((from) => handles[from]))));
      return plan.read.flatMap(({ stages: from }) => from.map((handle) => handles[handle]));
    };
    // gpu.js takes the count of inputs from the function.
    Object.defineProperty(orchestrate, "length", { value: program.inputs.length });
    return { plan, pipeline: this.#gpu.createPipeline(orchestrate as never) as Pipeline, stages };
  }
}

/** gpu.js computes in float32: other numbers are turned into it first. */
function plainData(data: Tensor["data"]): never {
  return (data instanceof Float32Array ? data : Float32Array.from(data)) as never;
}

function joined(
  lines: readonly ArrayLike<number>[],
  { rows, columns }: Tensor,
  kind: "float" | "double" | "whole",
): Tensor {
  const size = rows * columns;
  const data =
    kind === "float" ? new Float32Array(size) : kind === "double" ? new Float64Array(size) : new Int32Array(size);
  lines.forEach((line, row) => data.set(line, row * columns));
  return { data, rows, columns };
}

async function importGpuJs(): Promise<GpuJs> {
  const specifier = "gpu.js";
  const module = (await import(specifier).catch((error: unknown) => {
    throw new Error(`gpu.js is not installed; run: npm install gpu.js@"^2.24.0"`, { cause: error });
  })) as GpuJs & { readonly default?: GpuJs };
  return module.default ?? module;
}

/** The objects of the package `webgpu` end the process when they are collected while a device is in use. */
const held = new Set<unknown>();

/** gpu.js looks for `navigator.gpu`, which stays once it has been put there. */
async function provideWebGpu(given: WebGpu | undefined): Promise<void> {
  const { navigator } = globalThis as { readonly navigator?: { readonly gpu?: unknown } };
  if (navigator?.gpu !== undefined && given === undefined) return requireAdapter(navigator.gpu);
  const { create, globals } = given ?? (await importWebGpu());
  Object.assign(globalThis, globals);
  const gpu = create([]);
  if (navigator === undefined) Object.defineProperty(globalThis, "navigator", { value: { gpu }, configurable: true });
  else Object.defineProperty(navigator, "gpu", { value: gpu, configurable: true });
  await requireAdapter(gpu);
}

async function requireAdapter(gpu: unknown): Promise<void> {
  const adapter = await (gpu as { requestAdapter(): Promise<unknown> }).requestAdapter();
  held.add(gpu).add(adapter);
  if (adapter === null) throw new Error("no adapter");
}

async function importWebGpu(): Promise<WebGpu> {
  const specifier = "webgpu";
  return (await import(specifier).catch((error: unknown) => {
    throw new Error(`webgpu is not installed; run: npm install webgpu@"^0.6.2"`, { cause: error });
  })) as WebGpu;
}
