import { computeError } from "../errors.ts";
import type { OnnxRuntime } from "../infer/runtime.ts";
import type { BackendState, KernelBackend } from "./backend.ts";
import { type GpuJs, gpuJs } from "./gpu-js.ts";
import type { Kernel } from "./kernels.ts";
import { type Measurement, measure, type SizeClass, sizeClasses, sizeClassOf } from "./measure.ts";
import { onnxRuntime } from "./onnx-runtime.ts";
import { plainJs } from "./plain-js.ts";

export interface KernelRuntimeOptions {
  /** What to measure beside plain JS. Default: gpu.js in its modes cpu, webasm and webgpu, and ONNX Runtime. */
  readonly backends?: readonly KernelBackend[];
  /** The module `gpu.js`; imported when left out. */
  readonly gpuJs?: GpuJs;
  /** The module `onnxruntime-node`; imported when left out. */
  readonly ort?: OnnxRuntime;
}

/** What was chosen for matrix products of one size, which every kernel is built on, and why. */
export interface Choice {
  readonly size: SizeClass;
  readonly chosen: string;
  readonly reason: string;
  readonly measurements: readonly Measurement[];
}

export interface Explanation {
  readonly backends: readonly { readonly name: string; readonly available: boolean; readonly reason: string | null }[];
  readonly choices: readonly Choice[];
  /** The same for reading. */
  readonly text: string;
}

export interface KernelRuntime extends AsyncDisposable {
  /**
   * Runs a kernel on the backend measured fastest for its size, or on the one asked for. It runs on the calling thread.
   *
   * @throws KERNEL_INPUT_INVALID, KERNEL_BACKEND_UNAVAILABLE
   */
  run<Inputs, Output>(
    kernel: Kernel<Inputs, Output>,
    inputs: Inputs,
    options?: { readonly backend?: string },
  ): Promise<Output>;
  explain(): Explanation;
}

/** Opens every backend, checks each against plain JS, measures, and chooses per size class. Takes about a second. */
export async function createKernelRuntime(options: KernelRuntimeOptions = {}): Promise<KernelRuntime> {
  const states = new Map<string, BackendState>();
  for (const backend of [plainJs(), ...(options.backends ?? defaultBackends(options))]) {
    states.set(backend.name, await backend.open());
  }
  const measured = new Map<SizeClass, Measurement[]>();
  for (const { name: size, side } of sizeClasses) measured.set(size, await measureAll(states, side));
  return new MeasuredRuntime(
    states,
    [...measured].map(([size, rows]) => choose(size, rows)),
  );
}

function defaultBackends(options: KernelRuntimeOptions): KernelBackend[] {
  const module = options.gpuJs === undefined ? {} : { module: options.gpuJs };
  return [
    gpuJs({ mode: "cpu", ...module }),
    gpuJs({ mode: "webasm", ...module }),
    gpuJs({ mode: "webgpu", ...module }),
    onnxRuntime(options.ort === undefined ? {} : { module: options.ort }),
  ];
}

/** A backend that throws while it is measured is closed and counts as unavailable. */
async function measureAll(states: Map<string, BackendState>, side: number): Promise<Measurement[]> {
  const rows: Measurement[] = [];
  for (const [name, state] of states) {
    if (!state.available) continue;
    try {
      rows.push(await measure(name, state.multiply, side));
    } catch (error) {
      states.set(name, { available: false, reason: `it failed when measured: ${String(error)}` });
      await state.close();
    }
  }
  return rows;
}

function choose(size: SizeClass, measurements: readonly Measurement[]): Choice {
  const ranked = measurements.filter((row) => row.correct).sort((a, b) => a.milliseconds - b.milliseconds);
  const best = ranked[0];
  const next = ranked[1];
  const chosen = best?.backend ?? "plain-js";
  const reason =
    best === undefined || next === undefined
      ? "the only one that is available and correct"
      : `${best.milliseconds.toFixed(2)} ms against ${next.milliseconds.toFixed(2)} ms ${next.backend}`;
  return { size, chosen, reason, measurements };
}

class MeasuredRuntime implements KernelRuntime {
  readonly #states: ReadonlyMap<string, BackendState>;
  readonly #choices: readonly Choice[];

  constructor(states: ReadonlyMap<string, BackendState>, choices: readonly Choice[]) {
    this.#states = states;
    this.#choices = choices;
  }

  async run<Inputs, Output>(
    kernel: Kernel<Inputs, Output>,
    inputs: Inputs,
    options: { readonly backend?: string } = {},
  ): Promise<Output> {
    const product = kernel.product(inputs);
    const size = sizeClassOf(product.a, product.b);
    const choice = this.#choices.find((candidate) => candidate.size === size);
    const backend = options.backend ?? choice?.chosen ?? "plain-js";
    const state = this.#states.get(backend);
    const measurement = choice?.measurements.find((row) => row.backend === backend);
    if (state === undefined || !state.available) {
      const reason = state?.reason ?? `it is unknown; there are ${[...this.#states.keys()].join(", ")}`;
      throw computeError("KERNEL_BACKEND_UNAVAILABLE", { backend, reason });
    }
    if (measurement?.correct === false) {
      const reason = `its results differ from plain JS by ${measurement.maxError}`;
      throw computeError("KERNEL_BACKEND_UNAVAILABLE", { backend, reason });
    }
    return kernel.finish(await state.multiply(product), inputs);
  }

  explain(): Explanation {
    const backends = [...this.#states].map(([name, state]) => ({
      name,
      available: state.available,
      reason: state.available ? null : state.reason,
    }));
    const lines = [
      ...backends.flatMap(({ name, reason }) => (reason === null ? [] : [`${name}: not available (${reason})`])),
      ...this.#choices.flatMap(({ size, measurements }) =>
        measurements
          .filter((row) => !row.correct)
          .map((row) => `${row.backend}: not used for ${size} products (differs from plain JS by ${row.maxError})`),
      ),
      ...this.#choices.map(({ size, chosen, reason }) => `${size} products: chose ${chosen}: ${reason}`),
    ];
    return { backends, choices: this.#choices, text: lines.join("\n") };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const state of this.#states.values()) if (state.available) await state.close();
  }
}
