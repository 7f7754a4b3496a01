import type { BatchLayout } from "./batch-layout.ts";
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

/**
 * Joins requests into the inputs of one run. With `transferred` the buffers will be given away, so they are new ones
 * unless the request owns them; else the tensors of a single request are used as they are. With `repeatable` the
 * requests keep their tensors, so that they can be joined again.
 */
export function joinRequests(
  signature: ModelSignature,
  layout: BatchLayout | null,
  requests: readonly PreparedInputs[],
  transferred: boolean,
  repeatable = false,
): readonly Tensor[] {
  const [first, second] = requests;
  if (first === undefined) return [];
  if (second === undefined && (!transferred || (!repeatable && isGivable(first)))) return first.tensors;
  return signature.inputs.map((spec, index) => {
    const axis = layout?.inputs[index] ?? null;
    const own = first.tensors[index] as Tensor;
    const parts = axis === null ? [own] : requests.map((request) => request.tensors[index] as Tensor);
    return joinTensors(arrayConstructor(spec.type), parts, axis ?? 0);
  });
}

/** Nothing but the request's own tensors lies in the buffers that would be given away. */
function isGivable({ owned, body, tensors }: PreparedInputs): boolean {
  if (!owned) return false;
  for (const { data } of tensors) {
    if (!ArrayBuffer.isView(data)) continue;
    const { buffer, byteLength } = data as NumericTensorData;
    if (buffer !== body && buffer.byteLength !== byteLength) return false;
  }
  return true;
}

type Constructor = ReturnType<typeof arrayConstructor>;

function joinTensors(constructor: Constructor, parts: readonly Tensor[], axis: number): Tensor {
  const first = parts[0] as Tensor;
  const length = parts.reduce((sum, part) => sum + (part.shape[axis] ?? 0), 0);
  const shape = parts.length === 1 ? first.shape : first.shape.with(axis, length);
  const outer = elementCount(first.shape.slice(0, axis));
  if (constructor === null) return { shape, data: joinStrings(parts, outer) };
  const joined = new constructor(elementCount(shape));
  let offset = 0;
  for (let block = 0; block < outer; block++) {
    for (const { data } of parts) {
      const size = data.length / outer;
      const values = outer === 1 ? data : (data as NumericTensorData).subarray(block * size, (block + 1) * size);
      joined.set(values as never, offset);
      offset += size;
    }
  }
  return { shape, data: joined };
}

function joinStrings(parts: readonly Tensor[], outer: number): string[] {
  const joined: string[] = [];
  for (let block = 0; block < outer; block++) {
    for (const { data } of parts) {
      const size = data.length / outer;
      for (let index = block * size; index < (block + 1) * size; index++) joined.push(String(data[index]));
    }
  }
  return joined;
}

/**
 * Cuts the outputs of a joined run back into one record per request. Throws a plain `Error` when an output does not
 * have a row for each row that went in.
 */
export function splitOutputs(
  signature: ModelSignature,
  layout: BatchLayout | null,
  outputs: readonly TypedTensor[],
  requests: readonly PreparedInputs[],
): Record<string, TypedTensor>[] {
  if (requests.length === 1 || layout === null) return requests.map(() => recordOf(signature, outputs));
  let rows = 0;
  for (const request of requests) rows += request.rows;
  for (const [index, output] of outputs.entries()) {
    if (output.shape[layout.outputs[index] ?? 0] === rows) continue;
    const name = signature.outputs[index]?.name;
    throw new Error(
      `the output "${name}" has shape [${output.shape.join(", ")}] for a batch of ${rows} rows; load the model with batchable: false`,
    );
  }
  let start = 0;
  return requests.map((request) => {
    const end = start + request.rows;
    const record: Record<string, TypedTensor> = {};
    for (const [index, spec] of signature.outputs.entries()) {
      record[spec.name] = cutRows(outputs[index] as TypedTensor, layout.outputs[index] ?? 0, start, end);
    }
    start = end;
    return record;
  });
}

function cutRows(tensor: TypedTensor, axis: number, start: number, end: number): TypedTensor {
  const { shape, type } = tensor;
  const data = tensor.data as NumericTensorData;
  const cutShape = shape.with(axis, end - start);
  const inner = elementCount(shape.slice(axis + 1));
  if (axis === 0) return { type, shape: cutShape, data: data.slice(start * inner, end * inner) };

  const outer = elementCount(shape.slice(0, axis));
  const stride = data.length / outer;
  const parts = Array.from({ length: outer }, (_, block): Tensor => {
    const from = block * stride;
    return { shape: cutShape.slice(axis), data: data.slice(from + start * inner, from + end * inner) as TensorData };
  });
  return { type, shape: cutShape, data: joinTensors(arrayConstructor(type), parts, 0).data };
}

function recordOf(signature: ModelSignature, outputs: readonly TypedTensor[]): Record<string, TypedTensor> {
  const record: Record<string, TypedTensor> = {};
  for (const [index, spec] of signature.outputs.entries()) record[spec.name] = outputs[index] as TypedTensor;
  return record;
}
