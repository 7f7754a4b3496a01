import type { BatchLayout } from "./batch-layout.ts";
import type { BufferPool } from "./buffer-pool.ts";
import type { PreparedInputs } from "./request.ts";
import type { ModelSignature } from "./signature.ts";
import {
  arrayConstructor,
  elementCount,
  type NumericTensorData,
  type Tensor,
  type TensorData,
  type TensorSpec,
  type TypedTensor,
} from "./tensor.ts";

export interface JoinOptions {
  /** Whether a run leaves the buffers of its inputs as they are; else they are given away. */
  readonly copies: (inputs: readonly Tensor[]) => boolean;
  /** The requests keep their tensors, so that they can be joined again. Default false. */
  readonly repeatable?: boolean;
  readonly buffers: BufferPool;
}

/**
 * Joins requests into the inputs of one run. Those of a single request are used as they are, unless they would be given
 * away and are not the request's own. Else they lie in buffers of the pool, to be given back after the run.
 */
export function joinRequests(
  signature: ModelSignature,
  layout: BatchLayout | null,
  requests: readonly PreparedInputs[],
  { copies, repeatable = false, buffers }: JoinOptions,
): readonly Tensor[] {
  const [first, second] = requests;
  if (first === undefined) return [];
  if (second === undefined && (copies(first.tensors) || (!repeatable && isGivable(first)))) return first.tensors;
  return signature.inputs.map((spec, index) => {
    const axis = layout?.inputs[index] ?? null;
    const own = first.tensors[index] as Tensor;
    const parts = axis === null ? [own] : requests.map((request) => request.tensors[index] as Tensor);
    return joinTensors(arrayConstructor(spec.type), parts, axis ?? 0, buffers);
  });
}

/** Gives the buffers of a run's inputs back that `joinRequests` made; a thread has sent its own back before. */
export function giveBack(inputs: readonly Tensor[], buffers: BufferPool): void {
  for (const { data } of inputs) {
    if (ArrayBuffer.isView(data)) buffers.give((data as NumericTensorData).buffer as ArrayBuffer);
  }
}

/** Nothing but the request's own tensors lies in the buffers that would be given away. */
function isGivable({ owned, body, tensors }: PreparedInputs): boolean {
  if (!owned) return false;
  for (const { data } of tensors) {
    if (!ArrayBuffer.isView(data)) continue;
    const { buffer, byteLength } = data as NumericTensorData;
    if (!(buffer instanceof ArrayBuffer)) return false;
    if (buffer !== body && buffer.byteLength !== byteLength) return false;
  }
  return true;
}

type Constructor = ReturnType<typeof arrayConstructor>;

function joinTensors(
  constructor: Constructor,
  parts: readonly Tensor[],
  axis: number,
  buffers: BufferPool | null,
): Tensor {
  const first = parts[0] as Tensor;
  const length = parts.reduce((sum, part) => sum + (part.shape[axis] ?? 0), 0);
  const shape = parts.length === 1 ? first.shape : first.shape.with(axis, length);
  const outer = elementCount(first.shape.slice(0, axis));
  if (constructor === null) return { shape, data: joinStrings(parts, outer) };
  const count = elementCount(shape);
  const bytes = count * constructor.BYTES_PER_ELEMENT;
  const joined = buffers === null ? new constructor(count) : new constructor(buffers.take(bytes), 0, count);
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
  if (requests.length === 1) return [recordOf(signature, outputs)];
  if (layout === null) return requests.map(() => recordOf(signature, outputs));
  let rows = 0;
  for (const request of requests) rows += request.rows;
  for (const [index, output] of outputs.entries()) {
    if (output.shape[layout.outputs[index] ?? 0] === rows) continue;
    const name = signature.outputs[index]?.name;
    throw new Error(
      `the output "${name}" has shape [${output.shape.join(", ")}] for a batch of ${rows} rows; load the model with batchable: false`,
    );
  }
  const records = requests.map((): Record<string, TypedTensor> => ({}));
  for (let index = 0; index < signature.outputs.length; index++) {
    const spec = signature.outputs[index] as TensorSpec;
    cutRows(spec.name, outputs[index] as TypedTensor, layout.outputs[index] ?? 0, requests, records);
  }
  return records;
}

/** Gives each request its rows of one output. */
function cutRows(
  name: string,
  { type, shape, data: joined }: TypedTensor,
  axis: number,
  requests: readonly PreparedInputs[],
  records: readonly Record<string, TypedTensor>[],
): void {
  const data = joined as NumericTensorData;
  const inner = elementCount(shape.slice(axis + 1));
  const outer = elementCount(shape.slice(0, axis));
  const stride = data.length / outer;
  let start = 0;
  for (let index = 0; index < requests.length; index++) {
    const { rows } = requests[index] as PreparedInputs;
    const cutShape = shape.with(axis, rows);
    const from = start * inner;
    const to = from + rows * inner;
    start += rows;
    const record = records[index] as Record<string, TypedTensor>;
    if (outer === 1) {
      record[name] = { type, shape: cutShape, data: data.slice(from, to) };
      continue;
    }
    const parts = Array.from({ length: outer }, (_, block): Tensor => {
      const base = block * stride;
      return { shape: cutShape.slice(axis), data: data.slice(base + from, base + to) as TensorData };
    });
    record[name] = { type, shape: cutShape, data: joinTensors(arrayConstructor(type), parts, 0, null).data };
  }
}

function recordOf(signature: ModelSignature, outputs: readonly TypedTensor[]): Record<string, TypedTensor> {
  const record: Record<string, TypedTensor> = {};
  let index = 0;
  for (const { name } of signature.outputs) record[name] = outputs[index++] as TypedTensor;
  return record;
}
