import { createHash } from "node:crypto";

import { computeError } from "../errors.ts";
import type { BatchLayout } from "./batch-layout.ts";
import { describeSpec, type ModelSignature } from "./signature.ts";
import { elementCount, holds, type NamedTensor, type Tensor, type TensorData, type TensorSpec } from "./tensor.ts";

/** A tensor of two axes, as the kernels of this package have it. */
export interface TensorMatrix {
  readonly data: TensorData;
  readonly rows: number;
  readonly columns: number;
}

/** The inputs of a model by name, or the elements of its only input. */
export type InferenceInputs = Readonly<Record<string, Tensor | TensorMatrix>> | TensorData;

/** Bytes of inputs that nobody has checked yet; two for each letter of a text. */
export function bytesOf(inputs: InferenceInputs): number {
  if (ArrayBuffer.isView(inputs)) return inputs.byteLength;
  let bytes = 0;
  if (Array.isArray(inputs)) for (const text of inputs as readonly unknown[]) bytes += 2 * String(text).length;
  else for (const tensor of Object.values(inputs)) bytes += bytesOf((tensor as Partial<Tensor> | null)?.data ?? []);
  return bytes;
}

/** A request that has been checked against the signature. */
export interface PreparedInputs {
  /** In the order of the signature. */
  readonly tensors: readonly Tensor[];
  /** Rows along the batch axis of a batchable model; 1 for any other. */
  readonly rows: number;
  /** Requests with equal keys can be joined: their shapes agree beyond the batch axis. */
  readonly shapeKey: string;
  /** True when nobody else uses the tensors, so that their buffers may be given away. */
  readonly owned: boolean;
  /** The buffer of an owned request in which its tensors lie, and nothing that is needed beside them. */
  readonly body?: ArrayBufferLike | null;
}

/** The model that a request is checked against. */
export interface RequestTarget {
  readonly name: string;
  readonly signature: ModelSignature;
  readonly layout: BatchLayout | null;
  readonly maxBatchRows: number;
}

/**
 * Checks a request before anything is queued.
 *
 * @throws INFERENCE_INPUT_INVALID, INFERENCE_REQUEST_TOO_LARGE
 */
export function prepareInputs(target: RequestTarget, inputs: InferenceInputs, owned = false): PreparedInputs {
  const { name: model, signature } = target;
  const named = nameInputs(model, signature, inputs);
  for (const name of Object.keys(named)) requireInput(model, signature, name);
  const tensors = signature.inputs.map((spec) => checkTensor(model, spec, named[spec.name]));
  return layOut(target, tensors, owned);
}

/**
 * The same for inputs that were read from a body, which are the request's own; `body` is its buffer where nothing else
 * lies in it.
 *
 * @throws INFERENCE_INPUT_INVALID, INFERENCE_REQUEST_TOO_LARGE
 */
export function prepareTensors(
  target: RequestTarget,
  inputs: readonly NamedTensor[],
  body: ArrayBufferLike | null,
): PreparedInputs {
  const { name: model, signature } = target;
  for (const { name } of inputs) requireInput(model, signature, name);
  const tensors: Tensor[] = [];
  for (const spec of signature.inputs) {
    let given: NamedTensor | undefined;
    for (const input of inputs) if (input.name === spec.name) given = input;
    tensors.push(checkTensor(model, spec, given));
  }
  return layOut(target, tensors, true, body);
}

function requireInput(model: string, { inputs }: ModelSignature, name: string): void {
  for (const spec of inputs) if (spec.name === name) return;
  const known = inputs.map((spec) => `"${spec.name}"`).join(", ");
  throw invalid(model, `there is an input "${name}"`, `the model's inputs are ${known}`);
}

function layOut(
  target: RequestTarget,
  tensors: readonly Tensor[],
  owned: boolean,
  body: ArrayBufferLike | null = null,
): PreparedInputs {
  const { name: model, signature, layout, maxBatchRows } = target;
  if (layout === null) return { tensors, rows: 1, shapeKey: "", owned, body };
  let shapeKey = "";
  for (let index = 0; index < tensors.length; index++) {
    // What the model fixes is equal in all requests.
    if (layout.fixed[index] !== true) shapeKey += `${keyOf(tensors[index] as Tensor, layout.inputs[index] ?? null)};`;
  }
  const rows = rowsOf(model, signature, layout, tensors);
  if (rows === 0) throw invalid(model, "it has no row", "a request has one row at least");
  if (rows > maxBatchRows) throw computeError("INFERENCE_REQUEST_TOO_LARGE", { model, rows, maxBatchRows });
  return { tensors, rows, shapeKey, owned, body };
}

/** What two requests must agree in to be joined: the other axes, and a tensor that is not joined as a whole. */
function keyOf({ shape, data }: Tensor, axis: number | null): string {
  if (axis === null) return `${shape.join(",")}=${contentOf(data)}`;
  return axis === 0 ? shape.slice(1).join(",") : shape.with(axis, 0).join(",");
}

/** Equal for equal data; a digest where the data are longer than one. */
function contentOf(data: TensorData): string {
  if (ArrayBuffer.isView(data)) {
    return data.length <= 8 ? data.join(",") : createHash("sha256").update(data).digest("base64");
  }
  return createHash("sha256").update(JSON.stringify(data)).digest("base64");
}

function rowsOf(model: string, signature: ModelSignature, layout: BatchLayout, tensors: readonly Tensor[]): number {
  let rows: number | null = null;
  for (let index = 0; index < tensors.length; index++) {
    const axis = layout.inputs[index] ?? null;
    if (axis === null) continue;
    const length = tensors[index]?.shape[axis] ?? 0;
    rows ??= length;
    if (length === rows) continue;
    const what = `"${signature.inputs[index]?.name}" has ${length} rows and another input ${rows}`;
    throw invalid(model, what, "all inputs of a request have the same rows along the batch axis");
  }
  return rows ?? 0;
}

function nameInputs(
  model: string,
  signature: ModelSignature,
  inputs: InferenceInputs,
): Readonly<Record<string, Tensor | TensorMatrix | undefined>> {
  if (!ArrayBuffer.isView(inputs) && !Array.isArray(inputs)) {
    return inputs as Exclude<InferenceInputs, TensorData>;
  }
  const data = inputs as TensorData;
  const [spec, second] = signature.inputs;
  if (spec === undefined || second !== undefined) {
    const what = `the elements were given without a name`;
    throw invalid(model, what, `it has ${signature.inputs.length} inputs, so name each of them`);
  }
  const rowLength = elementCount(spec.shape.slice(1).map((length) => length ?? Number.NaN));
  const rows = data.length / rowLength;
  if (spec.shape.length === 0 || !Number.isInteger(rows)) {
    const what = `${data.length} elements were given without a shape`;
    throw invalid(model, what, `no whole number of rows of ${describeSpec(spec)} follows from it`);
  }
  const lengths = spec.shape.slice(1).map((length) => length ?? 0);
  return { [spec.name]: { data, shape: [rows, ...lengths] } };
}

function checkTensor(model: string, spec: TensorSpec, given: Tensor | TensorMatrix | undefined): Tensor {
  if (given === undefined) throw invalid(model, `the input "${spec.name}" is missing`, ruleOf(spec));
  const tensor = "rows" in given ? { data: given.data, shape: [given.rows, given.columns] } : given;
  const { data, shape } = tensor;
  if (!Array.isArray(shape) || !holds(data, spec.type)) {
    const found = Object.prototype.toString.call(data).slice(8, -1);
    throw invalid(model, `"${spec.name}" was given as ${found} with shape ${JSON.stringify(shape)}`, ruleOf(spec));
  }
  if (!fits(shape, spec.shape))
    throw invalid(model, `the shape of "${spec.name}" is [${shape.join(", ")}]`, ruleOf(spec));
  if (elementCount(shape) !== data.length) {
    const what = `"${spec.name}" has ${data.length} elements`;
    throw invalid(model, what, `its shape [${shape.join(", ")}] holds ${elementCount(shape)}`);
  }
  if (spec.type === "string") requireTexts(model, spec, data as readonly unknown[]);
  return tensor;
}

function requireTexts(model: string, spec: TensorSpec, values: readonly unknown[]): void {
  for (const value of values) {
    if (typeof value !== "string") {
      throw invalid(model, `"${spec.name}" holds something that is not a string`, ruleOf(spec));
    }
    // The model would see the rest of it cut off, and answer something else than it was asked.
    if (value.includes("\0")) {
      throw invalid(model, `"${spec.name}" holds a text with U+0000`, "the runtime takes that for the end of a text");
    }
  }
}

function ruleOf(spec: TensorSpec): string {
  return `"${spec.name}" is ${describeSpec(spec)}`;
}

function fits(shape: readonly number[], wanted: TensorSpec["shape"]): boolean {
  if (shape.length !== wanted.length) return false;
  for (let axis = 0; axis < wanted.length; axis++) {
    const length = shape[axis] as number;
    const fixed = wanted[axis] ?? null;
    if (!Number.isSafeInteger(length) || length < 0 || (fixed !== null && fixed !== length)) return false;
  }
  return true;
}

function invalid(model: string, what: string, rule: string): Error {
  return computeError("INFERENCE_INPUT_INVALID", { model, what, rule });
}
