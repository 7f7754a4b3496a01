import type { PreparedInputs } from "./request.ts";
import type { ModelSignature } from "./signature.ts";
import {
  arrayConstructor,
  elementCount,
  type NumericTensorData,
  type Tensor,
  type TensorData,
  type TypedTensor,
} from "./tensor.ts";

/** Joins requests along axis 0 into new buffers, so that the callers' own stay untouched when these are transferred. */
export function joinRequests(signature: ModelSignature, requests: readonly PreparedInputs[]): Tensor[] {
  return signature.inputs.map((spec, index) => {
    const parts = requests.map((request) => request.tensors[index] as Tensor);
    const first = parts[0] as Tensor;
    const rows = parts.reduce((sum, part) => sum + (part.shape[0] ?? 0), 0);
    const shape = parts.length === 1 ? first.shape : [rows, ...first.shape.slice(1)];
    return { shape, data: joinData(arrayConstructor(spec.type), parts, elementCount(shape)) };
  });
}

function joinData(
  constructor: ReturnType<typeof arrayConstructor>,
  parts: readonly Tensor[],
  size: number,
): TensorData {
  if (constructor === null) return parts.flatMap((part) => part.data as readonly string[]);
  const joined = new constructor(size);
  let offset = 0;
  for (const { data } of parts) {
    joined.set(data as never, offset);
    offset += data.length;
  }
  return joined;
}

/**
 * Cuts the outputs of a joined run back into one record per request. Throws a plain `Error` when an output does not
 * have a row for each row that went in.
 */
export function splitOutputs(
  signature: ModelSignature,
  outputs: readonly TypedTensor[],
  requests: readonly PreparedInputs[],
): Record<string, TypedTensor>[] {
  if (requests.length === 1) return [recordOf(signature, outputs)];
  const rows = requests.reduce((sum, request) => sum + request.rows, 0);
  for (const [index, output] of outputs.entries()) {
    if (output.shape[0] === rows) continue;
    const name = signature.outputs[index]?.name;
    throw new Error(
      `the output "${name}" has shape [${output.shape.join(", ")}] for a batch of ${rows} rows; load the model with batchable: false`,
    );
  }
  let start = 0;
  return requests.map((request) => {
    const end = start + request.rows;
    const slices = outputs.map((output) => sliceRows(output, start, end));
    start = end;
    return recordOf(signature, slices);
  });
}

function sliceRows(tensor: TypedTensor, start: number, end: number): TypedTensor {
  const inner = tensor.shape.slice(1);
  const width = elementCount(inner);
  const data = tensor.data as NumericTensorData;
  return { type: tensor.type, shape: [end - start, ...inner], data: data.slice(start * width, end * width) };
}

function recordOf(signature: ModelSignature, outputs: readonly TypedTensor[]): Record<string, TypedTensor> {
  return Object.fromEntries(signature.outputs.map((spec, index) => [spec.name, outputs[index] as TypedTensor]));
}
