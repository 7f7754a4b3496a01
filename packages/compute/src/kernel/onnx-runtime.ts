import { availableParallelism } from "node:os";
import { importOnnxRuntime, onnxRuntimePackage, type OnnxRuntime, singleThreaded } from "../infer/runtime.ts";
import { encodeOnnx } from "../onnx/encode.ts";
import type { OnnxElementType } from "../onnx/model.ts";
import { type Call, type KernelBackend, type KernelEngine, openOrExplain } from "./backend.ts";
import { Cache } from "./cache.ts";
import { elementTypeOf, programGraph } from "./onnx-graph.ts";
import { runPlain } from "./plain-js.ts";
import type { Tensor } from "./tensor.ts";

type Session = Awaited<ReturnType<OnnxRuntime["InferenceSession"]["create"]>>;

export interface OnnxRuntimeBackendOptions {
  /** The module `onnxruntime-node` or `onnxruntime-web`. @default the first, imported on opening */
  readonly module?: OnnxRuntime;
  /** Threads of a run; more than one pay for large products only. @default 1 */
  readonly threads?: number | "all";
}

/**
 * ONNX Runtime as an engine: a graph of a few operators for each program, kept as a session for all shapes. A run takes
 * the calling thread until it is done.
 */
export function onnxRuntime(options: OnnxRuntimeBackendOptions = {}): KernelBackend {
  const threads = options.threads === "all" ? availableParallelism() : (options.threads ?? 1);
  return {
    name: threads === 1 ? "onnxruntime" : `onnxruntime:${threads}-threads`,
    open: () => openOrExplain(async () => new OnnxEngine(options.module ?? (await importOrExplain()), threads)),
  };
}

class OnnxEngine implements KernelEngine {
  readonly nonFinite = "ieee";
  readonly #runtime: OnnxRuntime;
  readonly #threads: number;
  readonly #sessions = new Cache<Session>(64, (session) => session.release());

  constructor(runtime: OnnxRuntime, threads: number) {
    this.#runtime = runtime;
    this.#threads = threads;
  }

  refuses({ nodes }: Call["program"]): string | null {
    const without = nodes.find(({ operation }) => operation.onnx === undefined);
    return without === undefined ? null : `${without.operation.name} has no ONNX form`;
  }

  async run(call: Call): Promise<readonly Tensor[]> {
    const { program, tensors, shapes } = call;
    const types = tensors.map(({ data }) => elementTypeOf(data));
    const feeds = tensors.map(({ data, rows, columns }, i): [string, never] => {
      // ONNX Runtime refuses memory that threads share.
      const own = data.buffer instanceof SharedArrayBuffer ? data.slice() : data;
      return [`v${i}`, new this.#runtime.Tensor(types[i] as never, own as never, [rows, columns]) as never];
    });
    const found = await this.#sessions.use(
      `${program.key}|${types.join(",")}`,
      () => this.#compile(call, types),
      (session) => session.run(Object.fromEntries(feeds)),
    );
    const guards = Object.keys(found).filter((name) => name.startsWith("guard"));
    if (!guards.every((name) => allFinite(found[name]?.data as Float32Array))) return runPlain(call);
    return program.results.map((value) => {
      const { rows = 0, columns = 0 } = shapes[value] ?? {};
      return { data: found[`v${value}`]?.data as Tensor["data"], rows, columns };
    });
  }

  close(): Promise<void> {
    return this.#sessions.clear();
  }

  async #compile({ program }: Call, types: readonly OnnxElementType[]): Promise<Session> {
    const options = { ...singleThreaded, intraOpNumThreads: this.#threads };
    return this.#runtime.InferenceSession.create(encodeOnnx(programGraph(program, types)), options);
  }
}

function allFinite(values: Float32Array): boolean {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i] as number) * 0;
  return sum === 0;
}

async function importOrExplain(): Promise<OnnxRuntime> {
  const { library, range } = onnxRuntimePackage;
  return importOnnxRuntime(library).catch((error: unknown) => {
    throw new Error(`${library} is not usable; run: npm install ${library}@"${range}"`, { cause: error });
  });
}
