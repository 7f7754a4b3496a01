import type { OnnxRuntime, OnnxRuntimeTensor, OnnxSession } from "./runtime.ts";
import { type ModelSignature, sharesBatchAxis, type ValueMetadata } from "./signature.ts";
import type { ElementType, TensorData, TensorSpec } from "./tensor.ts";
import type { Tensor, TypedTensor } from "./tensor.ts";

const elementTypes: ReadonlySet<string> = new Set<ElementType>([
  "float16",
  "float32",
  "float64",
  "int8",
  "int16",
  "int32",
  "int64",
  "uint8",
  "uint16",
  "uint32",
  "uint64",
  "bool",
  "string",
]);

/** Reads what the model takes and gives from the session's metadata. Throws a plain `Error` for what cannot be served. */
export function introspect(session: OnnxSession): ModelSignature {
  const inputs = session.inputMetadata.map(toSpec);
  const outputs = session.outputMetadata.map(toSpec);
  if (outputs.length === 0) throw new Error("it has no output");
  return {
    inputs,
    outputs,
    batchable: inputs.length > 0 && sharesBatchAxis([...session.inputMetadata, ...session.outputMetadata]),
  };
}

function toSpec(value: ValueMetadata): TensorSpec {
  if (!value.isTensor || value.shape === undefined || !isElementType(value.type)) {
    throw new Error(
      `"${value.name}" is ${value.type ?? "not a tensor"}, and only tensors of plain types can be served`,
    );
  }
  const { name, type } = value;
  const shape = value.shape.map((length) => (typeof length === "number" ? length : null));
  const symbols = value.shape.map((length) => (typeof length === "string" && length !== "" ? length : null));
  return symbols.every((symbol) => symbol === null) ? { name, type, shape } : { name, type, shape, symbols };
}

function isElementType(type: string | undefined): type is ElementType {
  return type !== undefined && elementTypes.has(type);
}

/** Runs the session on inputs in the order of the signature; outputs come back in that order too. */
export async function runSession(
  runtime: OnnxRuntime,
  session: OnnxSession,
  signature: ModelSignature,
  inputs: readonly Tensor[],
): Promise<TypedTensor[]> {
  return outputsOf(signature, await session.run(feedsOf(runtime, signature, inputs)));
}

/** What the runtime takes for a run. */
export function feedsOf(
  runtime: OnnxRuntime,
  signature: ModelSignature,
  inputs: readonly Tensor[],
): Readonly<Record<string, never>> {
  const feeds: Record<string, OnnxRuntimeTensor> = {};
  let index = 0;
  for (const spec of signature.inputs) {
    const tensor = inputs[index++];
    if (tensor === undefined) throw new Error(`the input "${spec.name}" is missing`);
    feeds[spec.name] = toRuntime(runtime, spec.type, tensor);
  }
  return feeds as Record<string, never>;
}

/** What a run gave, in the order of the signature. */
export function outputsOf(
  { outputs }: ModelSignature,
  results: Readonly<Record<string, OnnxRuntimeTensor>>,
): TypedTensor[] {
  return outputs.map(({ name, type }) => {
    const result = results[name];
    if (result === undefined) throw new Error(`the output "${name}" was not computed`);
    return { type, shape: result.dims, data: toData(result, type) };
  });
}

function toRuntime(runtime: OnnxRuntime, type: ElementType, { data, shape }: Tensor): OnnxRuntimeTensor {
  const tensor = new runtime.Tensor(type as never, data as never, shape);
  // Node 24 makes a Float16Array of the bits, which the native part of the runtime (1.30) takes for an empty array.
  if (type === "float16" && tensor.data !== data) Object.defineProperty(tensor, "data", { value: data });
  return tensor;
}

function toData(result: OnnxRuntimeTensor, type: ElementType): TensorData {
  // Node 24 gives half floats as Float16Array, Node 22 as Uint16Array: the bits are the same.
  if (type === "float16" && ArrayBuffer.isView(result.data)) {
    const { buffer, byteOffset } = result.data;
    return new Uint16Array(buffer as ArrayBuffer, byteOffset, result.data.length);
  }
  return result.data as TensorData;
}
