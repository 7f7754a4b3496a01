import { computeError } from "../errors.ts";
import type { SequencePosition } from "../infer/sequence.ts";
import type { ModelSignature } from "../infer/signature.ts";
import { arrayConstructor, elementCount, type NamedTensor, type TensorSpec } from "../infer/tensor.ts";
import { BinaryCursor } from "./binary-cursor.ts";
import { readBinaryData } from "./binary-data.ts";
import { type Datatype, datatypeNames, datatypeOf, elementTypeOf, isDatatype } from "./datatypes.ts";
import { parseJson } from "./json.ts";
import { readJsonData } from "./json-data.ts";

/** An inference request of the protocol, read and checked. */
export interface InferRequest {
  readonly id: string | null;
  readonly inputs: readonly NamedTensor[];
  /** What to answer with, in order. */
  readonly outputs: readonly RequestedOutput[];
  /** From the request parameter `timeout`, which is in microseconds. */
  readonly deadlineMs: number | null;
  /** From the request parameter `priority`: 1 is the most urgent, 0 stands for the default. */
  readonly priority: number | null;
  /** From the request parameters `sequence_id`, `sequence_start` and `sequence_end`. */
  readonly sequence: SequencePosition | null;
}

export interface RequestedOutput {
  readonly name: string;
  readonly binary: boolean;
  /** How many of the greatest values to give in place of all, by the classification extension. */
  readonly classes: number | null;
}

type JsonObject = Readonly<Record<string, unknown>>;

const noParameters: JsonObject = {};

/**
 * Reads the body of an inference request. `jsonLength` is the header `Inference-Header-Content-Length`: the bytes after
 * that many are binary tensors, in the order of the inputs that ask for them.
 *
 * @throws PROTOCOL_REQUEST_INVALID, PROTOCOL_UNSUPPORTED
 */
export function readInferRequest(body: Uint8Array, jsonLength: number | null, signature: ModelSignature): InferRequest {
  if (jsonLength === 0) return readRawRequest(body, signature);
  if (jsonLength !== null && jsonLength > body.byteLength) {
    throw invalid(`Inference-Header-Content-Length is ${jsonLength}`, `the body has ${body.byteLength} bytes`);
  }
  const header = jsonLength ?? body.byteLength;
  const text = decodeText(body.subarray(0, header));
  const message = object("the request", parseJson(text, needsDigits(signature) || longSequenceId.test(text)));
  const parameters = parametersOf("the request", message);
  const binary = new BinaryCursor(body, header);
  const inputs = readInputs(message, signature, binary);
  binary.finish();

  const id = message["id"] ?? null;
  if (id !== null && typeof id !== "string") throw invalid(`the id is ${JSON.stringify(id)}`, "it is a string");
  const outputs = readOutputs(message, signature, parameters["binary_data_output"] === true);
  const { deadlineMs, priority, sequence } = readParameters(parameters);
  return { id, inputs, outputs, deadlineMs, priority, sequence };
}

/** The parameters that gRPC has too. @throws PROTOCOL_REQUEST_INVALID */
export function readParameters(
  parameters: Readonly<Record<string, unknown>>,
): Pick<InferRequest, "deadlineMs" | "priority" | "sequence"> {
  const timeout = wholeNumber("timeout", parameters["timeout"]);
  const priority = wholeNumber("priority", parameters["priority"]);
  return {
    deadlineMs: timeout === null || timeout === 0 ? null : timeout / 1000,
    priority: priority === null || priority === 0 ? null : Math.min(priority, 9),
    sequence: readSequence(parameters),
  };
}

/** An id of 0 or of no letters stands for none. */
function readSequence(parameters: Readonly<Record<string, unknown>>): SequencePosition | null {
  const { sequence_id: id, sequence_start: start, sequence_end: end } = parameters;
  if (id === undefined || id === null || id === 0 || id === "") return null;
  if (typeof id !== "string" && typeof id !== "number" && typeof id !== "bigint") {
    throw invalid(`the parameter sequence_id is ${JSON.stringify(id)}`, "it is a whole number or a string");
  }
  return { id: String(id), start: start === true, end: end === true };
}

/** Sequences are told apart by whole numbers of 64 bits too. */
const longSequenceId = /"sequence_id"\s*:\s*\d{16}/;

/** Only whole numbers of 64 bits have digits that a JavaScript number loses. */
function needsDigits({ inputs }: ModelSignature): boolean {
  return inputs.some(({ type }) => type === "int64" || type === "uint64");
}

/** A body without JSON: the bytes of the only input, of one row, of which one axis more may vary. */
function readRawRequest(body: Uint8Array, signature: ModelSignature): InferRequest {
  const [spec, second] = signature.inputs;
  const free = spec?.shape.slice(signature.batchable ? 1 : 0).filter((length) => length === null).length ?? 0;
  if (spec === undefined || second !== undefined || free > 1 || spec.type === "string") {
    throw unsupported("A body without JSON for this model", "Send a JSON header that gives names and shapes.");
  }
  const one = spec.shape.map((length, axis) => (signature.batchable && axis === 0 ? 1 : length));
  const width = arrayConstructor(spec.type)?.BYTES_PER_ELEMENT ?? 1;
  const rest = body.byteLength / width / elementCount(one.map((length) => length ?? 1));
  const shape = one.map((length) => length ?? Math.floor(rest));
  const data = readBinaryData(spec.name, datatypeOf(spec.type), shape, body);
  return {
    id: null,
    inputs: [{ name: spec.name, shape, data }],
    outputs: allOutputs(signature, true),
    deadlineMs: null,
    priority: null,
    sequence: null,
  };
}

function readInputs(message: JsonObject, signature: ModelSignature, binary: BinaryCursor): NamedTensor[] {
  const list: unknown = message["inputs"];
  if (!Array.isArray(list)) throw invalid("there is no list of inputs", `"inputs" is an array of tensors`);
  const inputs: NamedTensor[] = [];
  for (const entry of list as readonly unknown[]) {
    const input = object("an input", entry);
    const tensor = readInput(signature, input, parametersOf("an input", input), binary);
    addInput(inputs, tensor);
  }
  return inputs;
}

/** @throws PROTOCOL_REQUEST_INVALID */
export function addInput(inputs: NamedTensor[], tensor: NamedTensor): void {
  for (const { name } of inputs) {
    if (name === tensor.name) throw invalid(`the input "${name}" is given twice`, "each input is given once");
  }
  inputs.push(tensor);
}

function readInput(
  signature: ModelSignature,
  input: JsonObject,
  parameters: JsonObject,
  binary: BinaryCursor,
): NamedTensor {
  const { spec, datatype, shape } = checkInput(signature, input, parameters);
  const { name } = spec;
  const size = wholeNumber("binary_data_size", parameters["binary_data_size"]);
  if (size === null) return { name, shape, data: readJsonData(name, datatype, shape, input["data"]) };
  if ((input["data"] ?? null) !== null)
    throw invalid(`"${name}" has data and binary_data_size`, "a tensor has one of them");
  return { name, shape, data: readBinaryData(name, datatype, shape, binary.take(name, size, alignmentOf(datatype))) };
}

/** Finds what an input is to the model. @throws PROTOCOL_REQUEST_INVALID, PROTOCOL_UNSUPPORTED */
export function checkInput(
  signature: ModelSignature,
  input: JsonObject,
  parameters: JsonObject,
): { readonly spec: TensorSpec; readonly datatype: Datatype; readonly shape: readonly number[] } {
  const { name, datatype, shape } = input;
  const spec = findSpec(signature.inputs, name);
  if (spec === undefined) {
    const known = signature.inputs.map((candidate) => `"${candidate.name}"`).join(", ");
    throw invalid(`there is an input ${show(name)}`, `the model's inputs are ${known}`);
  }
  if (!isDatatype(datatype)) {
    throw invalid(`the datatype of "${spec.name}" is ${show(datatype)}`, `it is one of ${datatypeNames.join(", ")}`);
  }
  const widened = datatype === "BF16" && spec.type === "float32";
  if (datatype !== datatypeOf(spec.type) && !widened) {
    throw invalid(`the datatype of "${spec.name}" is ${datatype}`, `the model takes ${datatypeOf(spec.type)}`);
  }
  if (!isShape(shape)) {
    throw invalid(`the shape of "${spec.name}" is ${show(shape)}`, "a shape lists up to 32 whole lengths");
  }
  if ((parameters["shared_memory_region"] ?? null) !== null) {
    throw unsupported("Shared memory", "Send the tensor in the request.");
  }
  return { spec, datatype, shape };
}

function findSpec(specs: readonly TensorSpec[], name: unknown): TensorSpec | undefined {
  for (const spec of specs) if (spec.name === name) return spec;
  return undefined;
}

/** What a client sent, for a message: cut, because it may be long. */
function show(value: unknown): string {
  return (JSON.stringify(value) ?? "absent").slice(0, 100);
}

/** What is answered with when a request names no output; made once for each model. */
function allOutputs(signature: ModelSignature, binary: boolean): readonly RequestedOutput[] {
  const cache = binary ? allBinary : allJson;
  let outputs = cache.get(signature);
  if (outputs === undefined) {
    outputs = signature.outputs.map(({ name }) => ({ name, binary, classes: null }));
    cache.set(signature, outputs);
  }
  return outputs;
}

const allBinary: WeakMap<ModelSignature, readonly RequestedOutput[]> = new WeakMap();
const allJson: WeakMap<ModelSignature, readonly RequestedOutput[]> = new WeakMap();

function readOutputs(
  message: JsonObject,
  signature: ModelSignature,
  binaryByDefault: boolean,
): readonly RequestedOutput[] {
  const list = message["outputs"] ?? [];
  if (!Array.isArray(list)) throw invalid(`"outputs" is not a list`, "it is an array of requested outputs");
  if (list.length === 0) return allOutputs(signature, binaryByDefault);
  const outputs = list.map((entry): RequestedOutput => {
    const output = object("an output", entry);
    const parameters = parametersOf("an output", output);
    const requested = readOutputRequest(signature, output["name"], parameters);
    const binary = parameters["binary_data"] ?? binaryByDefault;
    return { ...requested, binary: binary === true };
  });
  if (new Set(outputs.map((output) => output.name)).size < outputs.length) {
    throw invalid("an output is asked for twice", "each output is asked for once");
  }
  return outputs;
}

/** What is asked of an output, but for its form. @throws PROTOCOL_REQUEST_INVALID, PROTOCOL_UNSUPPORTED */
export function readOutputRequest(
  signature: ModelSignature,
  name: unknown,
  parameters: JsonObject,
): Omit<RequestedOutput, "binary"> {
  const spec = findSpec(signature.outputs, name);
  if (spec === undefined) {
    const known = signature.outputs.map((candidate) => `"${candidate.name}"`).join(", ");
    throw invalid(`the output ${show(name)} is asked for`, `the model's outputs are ${known}`);
  }
  if ((parameters["shared_memory_region"] ?? null) !== null)
    throw unsupported("Shared memory", "Read the response body.");
  const classes = wholeNumber("classification", parameters["classification"]);
  if (classes !== null && spec.type === "string") throw invalid(`"${spec.name}" is text`, "classes are numbers");
  return { name: spec.name, classes: classes === 0 ? null : classes };
}

/** Texts and BF16 are read byte by byte. */
function alignmentOf(datatype: Datatype): number {
  return datatype === "BF16" ? 1 : (arrayConstructor(elementTypeOf(datatype))?.BYTES_PER_ELEMENT ?? 1);
}

function isShape(shape: unknown): shape is readonly number[] {
  if (!Array.isArray(shape) || shape.length > 32) return false;
  for (const length of shape as readonly unknown[]) {
    if (!Number.isSafeInteger(length) || (length as number) < 0) return false;
  }
  return true;
}

function wholeNumber(name: string, value: unknown): number | null {
  if (value === undefined || value === null) return null;
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw invalid(`the parameter ${name} is ${String(value)}`, "it is a whole number of 0 or more");
}

/** Clients that write what they do not set as `null` mean nothing by it. */
function parametersOf(what: string, { parameters }: JsonObject): JsonObject {
  return (parameters ?? null) === null ? noParameters : object(`"parameters" of ${what}`, parameters);
}

function object(what: string, value: unknown): JsonObject {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw invalid(`${what} is not an object`, "it is a JSON object");
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function decodeText(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    const what = "the JSON is not UTF-8";
    throw computeError("PROTOCOL_REQUEST_INVALID", { what, rule: "JSON is UTF-8 text" }, { cause: error });
  }
}

function unsupported(what: string, remedy: string): Error {
  return computeError("PROTOCOL_UNSUPPORTED", { what, remedy });
}

function invalid(what: string, rule: string): Error {
  return computeError("PROTOCOL_REQUEST_INVALID", { what, rule });
}
