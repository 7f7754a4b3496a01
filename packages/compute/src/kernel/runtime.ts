import { computeError } from "../errors.ts";
import type { OnnxRuntime } from "../infer/runtime.ts";
import { type BackendState, type KernelBackend, type KernelEngine, reasonOf } from "./backend.ts";
import { type Explanation, choiceOf, explanationText, type Failure, rankingOf } from "./choice.ts";
import { type GpuJs, gpuJs, type WebGpu } from "./gpu-js.ts";
import type { BoundKernel, Kernel } from "./kernel.ts";
import { type Measurement, measureAll, type Rate, type SizeClass, sizeClassOf } from "./measure.ts";
import { onnxRuntime } from "./onnx-runtime.ts";
import { plainJs, runPlain } from "./plain-js.ts";
import { samples } from "./samples.ts";
import { sizeOf, type Tensor } from "./tensor.ts";
import { wasmSimd } from "./wasm.ts";

export interface KernelRuntimeOptions {
  /**
   * What to measure beside plain JS. @default WebAssembly with vectors, ONNX Runtime on one thread and on all, and gpu.js
   * in its modes cpu, webasm, headlessgl and webgpu
   */
  readonly backends?: readonly KernelBackend[];
  /** The module `gpu.js`. @default imported */
  readonly gpuJs?: GpuJs;
  /** The module `webgpu`, which brings WebGPU to Node. @default imported */
  readonly webgpu?: WebGpu;
  /** The module `onnxruntime-node`. @default imported */
  readonly ort?: OnnxRuntime;
  /**
   * Milliseconds for measuring at the start: matrix products first, then topK, then histograms. What is not reached is
   * measured when it is first run, on its own inputs. @default 1500
   */
  readonly measureMs?: number;
}

export interface RunOptions {
  /** The name of a backend, to use this one and no other. @default the one measured fastest */
  readonly backend?: string;
}

export interface KernelRuntime extends AsyncDisposable {
  /**
   * Runs a kernel on the backend measured fastest for it and its size; the first time it measures, unless it has at the
   * start. When a backend fails the next one takes over. Kernels of plain JS, WebAssembly, ONNX Runtime and
   * gpu.js `cpu` run on the calling thread. Where an input or result has no values plain JS answers.
   *
   * @throws KERNEL_INPUT_INVALID, KERNEL_BACKEND_UNAVAILABLE, KERNEL_BACKEND_FAILED
   */
  run<Inputs, Output>(kernel: Kernel<Inputs, Output>, inputs: Inputs, options?: RunOptions): Promise<Output>;
  /** Measures this kernel anew, on these inputs, on every backend; backends that failed get another chance. */
  measure<Inputs, Output>(kernel: Kernel<Inputs, Output>, inputs: Inputs): Promise<readonly Measurement[]>;
  explain(): Explanation;
}

/** One run of a backend that would take longer is not tried, when the runtime measures of its own accord. */
const LIMIT_MS = 250;
const LIMIT_ASKED_MS = 5000;

/** Opens every backend, compares each with plain JS, measures, and chooses for each kernel and size. */
export async function createKernelRuntime(options: KernelRuntimeOptions = {}): Promise<KernelRuntime> {
  const states = new Map<string, BackendState>();
  for (const backend of [plainJs(), ...(options.backends ?? defaultBackends(options))]) {
    states.set(backend.name, await backend.open());
  }
  const runtime = new MeasuredRuntime(states);
  const began = performance.now();
  const budget = options.measureMs ?? 1500;
  for (const sample of samples()) {
    if (performance.now() - began >= budget) break;
    await runtime.measureBound(sample, Math.min(LIMIT_MS, budget / 10));
  }
  return runtime;
}

function defaultBackends(options: KernelRuntimeOptions): KernelBackend[] {
  const ort = options.ort === undefined ? {} : { module: options.ort };
  const module = options.gpuJs === undefined ? {} : { module: options.gpuJs };
  const webgpu = options.webgpu === undefined ? {} : { webgpu: options.webgpu };
  return [
    wasmSimd(),
    onnxRuntime(ort),
    onnxRuntime({ ...ort, threads: "all" }),
    gpuJs({ mode: "cpu", ...module }),
    gpuJs({ mode: "webasm", ...module }),
    gpuJs({ mode: "headlessgl", ...module }),
    gpuJs({ mode: "webgpu", ...module, ...webgpu }),
  ];
}

interface Measured {
  readonly kernel: string;
  readonly size: SizeClass;
  readonly measurements: readonly Measurement[];
  readonly ranking: readonly string[];
}

class MeasuredRuntime implements KernelRuntime {
  readonly #states: ReadonlyMap<string, BackendState>;
  readonly #measured = new Map<string, Promise<Measured>>();
  readonly #done = new Map<string, Measured>();
  readonly #rates = new Map<string, Rate>();
  #failures: readonly Failure[] = [];

  constructor(states: ReadonlyMap<string, BackendState>) {
    this.#states = states;
  }

  async run<Inputs, Output>(kernel: Kernel<Inputs, Output>, inputs: Inputs, options: RunOptions = {}): Promise<Output> {
    const bound = kernel.bind(inputs);
    if (options.backend !== undefined) return bound.finish(await this.#runOn(options.backend, bound));
    if (bound.shapes.some((shape) => sizeOf(shape) === 0)) return bound.finish(runPlain(bound));
    const { size, ranking } = await this.#measuredFor(bound);
    for (const backend of ranking) {
      const state = this.#states.get(backend);
      if (state?.available !== true || this.#hasFailed(backend, bound.name, size)) continue;
      if (state.engine.nonFinite === "unspecified" && !bound.tensors.every(isFinite)) continue;
      try {
        return bound.finish(await state.engine.run(bound));
      } catch (error) {
        // Of runs at once each may fail.
        if (this.#hasFailed(backend, bound.name, size)) continue;
        this.#failures = [...this.#failures, { backend, kernel: bound.name, size, reason: reasonOf(error) }];
      }
    }
    return bound.finish(runPlain(bound));
  }

  async measure<Inputs, Output>(kernel: Kernel<Inputs, Output>, inputs: Inputs): Promise<readonly Measurement[]> {
    return (await this.measureBound(kernel.bind(inputs), LIMIT_ASKED_MS)).measurements;
  }

  async measureBound(bound: BoundKernel<unknown>, limitMs: number): Promise<Measured> {
    const size = sizeClassOf(bound.work);
    const key = `${bound.name}|${size}`;
    const measuring = this.#measure(bound, size, limitMs);
    this.#measured.set(key, measuring);
    measuring.catch(() => this.#measured.get(key) === measuring && this.#measured.delete(key));
    const found = await measuring;
    this.#done.set(key, found);
    this.#failures = this.#failures.filter((row) => row.kernel !== bound.name || row.size !== size);
    return found;
  }

  explain(): Explanation {
    const backends = [...this.#states].map(([name, state]) => ({
      name,
      available: state.available,
      reason: state.available ? null : state.reason,
    }));
    const choices = [...this.#done.values()].map(({ kernel, size, measurements }) =>
      choiceOf(kernel, size, measurements, this.#failures),
    );
    const found = { backends, choices, failures: this.#failures };
    return { ...found, text: explanationText(found) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const engines = [...this.#states.values()].flatMap((state) => (state.available ? [state.engine] : []));
    const closed = await Promise.allSettled(engines.map((engine) => engine.close()));
    const failed = closed.find((outcome) => outcome.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  async #measuredFor(bound: BoundKernel<unknown>): Promise<Measured> {
    const key = `${bound.name}|${sizeClassOf(bound.work)}`;
    return this.#measured.get(key) ?? this.measureBound(bound, LIMIT_MS);
  }

  async #measure(bound: BoundKernel<unknown>, size: SizeClass, limitMs: number): Promise<Measured> {
    const measurements = await measureAll(this.#states, bound, { limitMs, rates: this.#rates });
    return { kernel: bound.name, size, measurements, ranking: rankingOf(measurements) };
  }

  #hasFailed(backend: string, kernel: string, size: SizeClass): boolean {
    return this.#failures.some((row) => row.backend === backend && row.kernel === kernel && row.size === size);
  }

  async #runOn(backend: string, bound: BoundKernel<unknown>): Promise<readonly Tensor[]> {
    const engine = this.#engine(backend, bound);
    if (bound.shapes.some((shape) => sizeOf(shape) === 0)) return runPlain(bound);
    try {
      return await engine.run(bound);
    } catch (error) {
      const { name } = bound;
      throw computeError("KERNEL_BACKEND_FAILED", { backend, kernel: name, reason: reasonOf(error) }, { cause: error });
    }
  }

  #engine(backend: string, { name, program, work }: BoundKernel<unknown>): KernelEngine {
    const state = this.#states.get(backend);
    const unavailable = (reason: string): Error => computeError("KERNEL_BACKEND_UNAVAILABLE", { backend, reason });
    if (state === undefined) throw unavailable(`it is unknown; there are ${[...this.#states.keys()].join(", ")}`);
    if (!state.available) throw unavailable(state.reason);
    const refused = state.engine.refuses(program);
    if (refused !== null) throw unavailable(refused);
    const measured = this.#done.get(`${name}|${sizeClassOf(work)}`);
    const row = measured?.measurements.find((candidate) => candidate.backend === backend);
    if (row !== undefined && "correct" in row && !row.correct) {
      throw unavailable(`its results differ from plain JS by ${row.maxError}`);
    }
    return state.engine;
  }
}

function isFinite({ data }: Tensor): boolean {
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += (data[i] as number) * 0;
  return sum === 0;
}
