import { computeError } from "../errors.ts";

/** The part of `onnxruntime-node` (or `-web`) that is used. */
export interface OnnxRuntime {
  readonly InferenceSession: {
    create(model: Uint8Array, options?: { intraOpNumThreads?: number }): Promise<OnnxSession>;
  };
  readonly Tensor: new (type: "float32", data: Float32Array, dims: readonly number[]) => OnnxTensorLike;
}

export interface OnnxSession {
  run(feeds: Record<string, OnnxTensorLike>): Promise<Readonly<Record<string, OnnxTensorLike>>>;
  release(): Promise<void>;
}

export interface OnnxTensorLike {
  readonly data: unknown;
}

/**
 * The convenience for callers that hand in no module.
 *
 * @throws LIBRARY_MISSING
 */
export async function importOnnxRuntime(library = "onnxruntime-node"): Promise<OnnxRuntime> {
  try {
    // A name in a variable: the library's types are not needed to build.
    const module = (await import(library)) as OnnxRuntime & { readonly default?: OnnxRuntime };
    return module.default ?? module;
  } catch (cause) {
    const purpose = "to run an ONNX file for a parity certificate";
    throw computeError("LIBRARY_MISSING", { library, range: "^1.30.0", purpose }, { cause });
  }
}
