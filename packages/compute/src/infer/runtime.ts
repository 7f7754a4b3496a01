import type { ValueMetadata } from "./signature.ts";

/** The package that runs ONNX models, and the range this code is made for. */
export const onnxRuntimePackage = { library: "onnxruntime-node", range: "^1.30.0" } as const;

/** The part of `onnxruntime-node` that is used; `onnxruntime-web` has it too. */
export interface OnnxRuntime {
  readonly Tensor: new (type: never, data: never, dims: readonly number[]) => OnnxRuntimeTensor;
  readonly InferenceSession: {
    create(model: Uint8Array, options: OnnxSessionOptions): Promise<OnnxSession>;
  };
}

export interface OnnxSessionOptions {
  readonly intraOpNumThreads: number;
  readonly interOpNumThreads: number;
  readonly logSeverityLevel: 0 | 1 | 2 | 3 | 4;
}

export interface OnnxRuntimeTensor {
  readonly type: string;
  readonly data: ArrayLike<unknown>;
  readonly dims: readonly number[];
}

export interface OnnxSession {
  readonly inputMetadata: readonly ValueMetadata[];
  readonly outputMetadata: readonly ValueMetadata[];
  run(feeds: Readonly<Record<string, never>>): Promise<Readonly<Record<string, OnnxRuntimeTensor>>>;
  release(): Promise<void>;
}

/** One thread per session: ORT's spinning pool fights with the other instances for the cores. */
export const singleThreaded: OnnxSessionOptions = {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  logSeverityLevel: 3,
};

/**
 * Imports an ONNX runtime by module specifier.
 *
 * @throws whatever the import throws; {@link isModuleMissing} tells an absent package from a broken one
 */
export async function importOnnxRuntime(specifier: string): Promise<OnnxRuntime> {
  const module = (await import(specifier)) as OnnxRuntime & { readonly default?: OnnxRuntime };
  return module.InferenceSession === undefined ? (module.default ?? module) : module;
}

export function isModuleMissing(error: unknown): boolean {
  const code = (error as { readonly code?: unknown } | null)?.code;
  return code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND";
}
