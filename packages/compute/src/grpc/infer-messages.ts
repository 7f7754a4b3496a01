import { computeError } from "../errors.ts";
import type { ModelSignature } from "../infer/signature.ts";
import { arrayConstructor, elementCount, type NamedTensor, type TensorData } from "../infer/tensor.ts";
import { readBinaryData, writeBinaryData } from "../protocol/binary-data.ts";
import { type Datatype, datatypeOf, elementTypeOf } from "../protocol/datatypes.ts";
import {
  addInput,
  checkInput,
  type InferRequest,
  type RequestedOutput,
  readOutputRequest,
  readParameters,
} from "../protocol/infer-request.ts";
import type { InferAnswer } from "../protocol/infer-response.ts";
import { readJsonData } from "../protocol/json-data.ts";
import type { Message, Scalar } from "./wire.ts";

type Messages = readonly Message[];

/**
 * Reads a `ModelInferRequest`: its tensors are either all in `raw_input_contents`, in order, or all in their `contents`.
 *
 * @throws PROTOCOL_REQUEST_INVALID, PROTOCOL_UNSUPPORTED
 */
export function readInferMessage(message: Message, signature: ModelSignature): InferRequest {
  const raw = message["raw_input_contents"] as readonly Uint8Array[];
  const list = message["inputs"] as Messages;
  if (raw.length > 0 && raw.length !== list.length) {
    throw invalid(`there are ${raw.length} raw contents for ${list.length} inputs`, "there is one for each, or none");
  }
  const inputs: NamedTensor[] = [];
  for (const [index, input] of list.entries()) {
    const parameters = plain(input["parameters"] as Message);
    const shape = (input["shape"] as readonly (number | bigint)[]).map(Number);
    const { spec, datatype } = checkInput(
      signature,
      { ...input, datatype: input["datatype"] ?? "", shape },
      parameters,
    );
    const bytes = raw[index];
    const data =
      bytes === undefined
        ? readContents(spec.name, datatype, shape, (input["contents"] ?? {}) as Message)
        : readBinaryData(spec.name, datatype, shape, new Uint8Array(bytes));
    if (raw.length > 0 && input["contents"] !== undefined) {
      throw invalid(`the input "${spec.name}" has contents and raw contents`, "a request uses one of the two");
    }
    addInput(inputs, { name: spec.name, shape, data });
  }
  const id = String(message["id"] ?? "");
  return {
    id: id === "" ? null : id,
    inputs,
    outputs: readOutputs(message["outputs"] as Messages, signature),
    ...readParameters(plain(message["parameters"] as Message)),
  };
}

function readOutputs(list: Messages, signature: ModelSignature): readonly RequestedOutput[] {
  if (list.length === 0) return signature.outputs.map(({ name }) => ({ name, binary: true, classes: null }));
  return list.map((output) => ({
    ...readOutputRequest(signature, output["name"] ?? "", plain(output["parameters"] as Message)),
    binary: true,
  }));
}

const contentsOf: Readonly<Partial<Record<Datatype, string>>> = {
  BOOL: "bool_contents",
  INT8: "int_contents",
  INT16: "int_contents",
  INT32: "int_contents",
  INT64: "int64_contents",
  UINT8: "uint_contents",
  UINT16: "uint_contents",
  UINT32: "uint_contents",
  UINT64: "uint64_contents",
  FP32: "fp32_contents",
  FP64: "fp64_contents",
  BYTES: "bytes_contents",
};

function readContents(name: string, datatype: Datatype, shape: readonly number[], contents: Message): TensorData {
  const field = contentsOf[datatype];
  if (field === undefined) throw invalid(`"${name}" is ${datatype}`, `${datatype} is sent as raw contents`);
  const values = (contents[field] ?? []) as readonly Scalar[];
  if (datatype === "BYTES")
    return readJsonData(
      name,
      datatype,
      shape,
      values.map((value) => text(name, value)),
    );
  if (datatype !== "FP32" && datatype !== "FP64") return readJsonData(name, datatype, shape, values);
  // Unlike JSON these may be NaN and infinite.
  if (values.length !== elementCount(shape)) {
    throw invalid(`the input "${name}" has ${values.length} elements`, `its shape holds ${elementCount(shape)}`);
  }
  const constructor = arrayConstructor(elementTypeOf(datatype)) as typeof Float32Array;
  return constructor.from(values as readonly number[]);
}

function text(name: string, value: Scalar): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(value as Uint8Array);
  } catch (error) {
    const what = `the input "${name}" holds bytes that are not UTF-8`;
    throw computeError("PROTOCOL_REQUEST_INVALID", { what, rule: "string tensors hold text" }, { cause: error });
  }
}

/** `InferParameter` messages as the values they hold. */
export function plain(parameters: Message): Readonly<Record<string, unknown>> {
  const values = Object.entries(parameters).map(([key, parameter]) => {
    return [key, Object.values((parameter ?? {}) as Message).find((value) => value !== undefined)] as const;
  });
  return Object.fromEntries(values);
}

/** A `ModelInferResponse`, its tensors as raw contents. */
export function writeInferMessage({ model, version, id, requested, outputs }: InferAnswer): Message {
  const raw: Uint8Array[] = [];
  const tensors = requested.flatMap(({ name }): Message[] => {
    const tensor = outputs[name];
    if (tensor === undefined) return [];
    const datatype = datatypeOf(tensor.type);
    raw.push(writeBinaryData(datatype, tensor.data));
    return [{ name, datatype, shape: tensor.shape }];
  });
  return {
    model_name: model,
    model_version: version,
    id: id ?? undefined,
    outputs: tensors,
    raw_output_contents: raw,
  };
}

function invalid(what: string, rule: string): Error {
  return computeError("PROTOCOL_REQUEST_INVALID", { what, rule });
}
