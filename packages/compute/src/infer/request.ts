import { computeError } from "../errors.ts";
import { describeSpec, type ModelSignature } from "./signature.ts";
import { elementCount, holds, type Tensor, type TensorData, type TensorSpec } from "./tensor.ts";

/** The inputs of a model by name, or the elements of its only input. */
export type InferenceInputs = Readonly<Record<string, Tensor>> | TensorData;

/** A request that has been checked against the signature. */
export interface PreparedInputs {
  /** In the order of the signature. */
  readonly tensors: readonly Tensor[];
  /** Rows along axis 0 of a batchable model; 1 for any other. */
  readonly rows: number;
  /** Requests with equal keys can be joined: their shapes agree beyond axis 0. */
  readonly shapeKey: string;
}

/**
 * Checks a request before anything is queued.
 *
 * @throws INFERENCE_INPUT_INVALID, INFERENCE_REQUEST_TOO_LARGE
 */
export function prepareInputs(
  model: string,
  signature: ModelSignature,
  inputs: InferenceInputs,
  maxBatchRows: number,
): PreparedInputs {
  const named = nameInputs(model, signature, inputs);
  const unknown = Object.keys(named).find((name) => signature.inputs.every((spec) => spec.name !== name));
  if (unknown !== undefined) {
    const known = signature.inputs.map((spec) => `"${spec.name}"`).join(", ");
    throw invalid(model, `there is an input "${unknown}"`, `the model's inputs are ${known}`);
  }
  const tensors = signature.inputs.map((spec) => checkTensor(model, spec, named[spec.name]));
  const shapeKey = tensors.map((tensor) => tensor.shape.slice(1).join(",")).join(";");
  if (!signature.batchable) return { tensors, rows: 1, shapeKey };

  const rows = tensors[0]?.shape[0] ?? 0;
  const other = tensors.findIndex((tensor) => tensor.shape[0] !== rows);
  if (other >= 0) {
    const what = `"${signature.inputs[other]?.name}" has ${tensors[other]?.shape[0]} rows and "${signature.inputs[0]?.name}" ${rows}`;
    throw invalid(model, what, "all inputs of a request have the same rows along axis 0");
  }
  if (rows === 0) throw invalid(model, "it has no row", "a request has one row at least");
  if (rows > maxBatchRows) throw computeError("INFERENCE_REQUEST_TOO_LARGE", { model, rows, maxBatchRows });
  return { tensors, rows, shapeKey };
}

function nameInputs(
  model: string,
  signature: ModelSignature,
  inputs: InferenceInputs,
): Readonly<Record<string, Tensor | undefined>> {
  if (!ArrayBuffer.isView(inputs) && !Array.isArray(inputs)) return inputs as Readonly<Record<string, Tensor>>;
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

function checkTensor(model: string, spec: TensorSpec, tensor: Tensor | undefined): Tensor {
  const rule = `"${spec.name}" is ${describeSpec(spec)}`;
  if (tensor === undefined) throw invalid(model, `the input "${spec.name}" is missing`, rule);
  const { data, shape } = tensor;
  if (!Array.isArray(shape) || !holds(data, spec.type)) {
    const found = Object.prototype.toString.call(data).slice(8, -1);
    throw invalid(model, `"${spec.name}" was given as ${found} with shape ${JSON.stringify(shape)}`, rule);
  }
  const fits =
    shape.length === spec.shape.length &&
    shape.every((length, axis) => {
      const fixed = spec.shape[axis] ?? null;
      return Number.isSafeInteger(length) && length >= 0 && (fixed === null || fixed === length);
    });
  if (!fits) throw invalid(model, `the shape of "${spec.name}" is [${shape.join(", ")}]`, rule);
  if (elementCount(shape) !== data.length) {
    const what = `"${spec.name}" has ${data.length} elements`;
    throw invalid(model, what, `its shape [${shape.join(", ")}] holds ${elementCount(shape)}`);
  }
  if (spec.type === "string" && (data as readonly unknown[]).some((value) => typeof value !== "string")) {
    throw invalid(model, `"${spec.name}" holds something that is not a string`, rule);
  }
  return tensor;
}

function invalid(model: string, what: string, rule: string): Error {
  return computeError("INFERENCE_INPUT_INVALID", { model, what, rule });
}
