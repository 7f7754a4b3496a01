import { registryError } from "../errors.ts";
import { maxName, type OnnxValue, readValue } from "./onnx-type.ts";
import { MalformedMessage, MessageReader } from "./protobuf.ts";

/** What an ONNX file says of itself. */
export interface OnnxSummary {
  readonly irVersion: number;
  /** Operator set versions by domain; the default domain is `ai.onnx`. */
  readonly opsets: Readonly<Record<string, number>>;
  readonly producer: { readonly name: string; readonly version: string };
  readonly graph: string;
  /** Without those that only give an initializer its name, as models before IR 4 list them. */
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  /** Nodes by operator, subgraphs and functions included; outside `ai.onnx` with the domain: `ai.onnx.ml.Scaler`. */
  readonly operators: Readonly<Record<string, number>>;
  /** Files beside the model that hold tensors, as the model names them. Empty when all weights are inside. */
  readonly externalData: readonly string[];
}

const maxDepth = 32;
const maxListed = 10_000;
// A protobuf message cannot be larger.
const maxFileBytes = 2 ** 31;

interface Reading {
  readonly operators: Map<string, number>;
  readonly externalData: Set<string>;
}

interface Graph {
  readonly name: string;
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
}

/**
 * Reads the ModelProto of an ONNX file (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto): its signature and
 * operators, not its weights. Time is bounded by the size times the nesting of subgraphs, memory by the names.
 *
 * @param file its name, for the error
 * @throws ONNX_INVALID
 */
export function readOnnx(bytes: Uint8Array, file: string): OnnxSummary {
  try {
    if (bytes.length > maxFileBytes) throw new MalformedMessage("it is larger than 2 GiB, more than protobuf allows");
    return readModel(bytes);
  } catch (cause) {
    if (!(cause instanceof MalformedMessage)) throw cause;
    throw registryError("ONNX_INVALID", { file, reason: cause.message }, { cause });
  }
}

function readModel(bytes: Uint8Array): OnnxSummary {
  const message = new MessageReader(bytes);
  const reading: Reading = { operators: new Map(), externalData: new Set() };
  const opsets = new Map<string, number>();
  let irVersion = 0;
  let producerName = "";
  let producerVersion = "";
  let graph: Graph | undefined;
  while (message.next()) {
    if (message.field === 1) irVersion = message.integer();
    else if (message.field === 2) producerName = message.text(maxName);
    else if (message.field === 3) producerVersion = message.text(maxName);
    else if (message.field === 7) {
      // Protobuf would merge two; which one runs must not depend on the reader.
      if (graph !== undefined) throw new MalformedMessage("it has two graphs");
      graph = readGraph(message.bytes(), reading, 0);
    } else if (message.field === 8) readOpset(message.bytes(), opsets);
    else if (message.field === 25) readFunction(message.bytes(), reading);
    else message.skip();
  }
  if (irVersion < 1) throw new MalformedMessage("it has no ir_version");
  if (graph === undefined) throw new MalformedMessage("it has no graph");
  if (graph.outputs.length === 0) throw new MalformedMessage("its graph has no output");
  if (opsets.size === 0) throw new MalformedMessage("it has no opset_import");
  return {
    irVersion,
    opsets: sorted(opsets),
    producer: { name: producerName, version: producerVersion },
    graph: graph.name,
    inputs: graph.inputs,
    outputs: graph.outputs,
    operators: sorted(reading.operators),
    externalData: [...reading.externalData].sort(),
  };
}

function readOpset(bytes: Uint8Array, opsets: Map<string, number>): void {
  const message = new MessageReader(bytes);
  let domain = "";
  let version = 0;
  while (message.next()) {
    if (message.field === 1) domain = message.text(maxName);
    else if (message.field === 2) version = message.integer();
    else message.skip();
  }
  opsets.set(domain === "" ? "ai.onnx" : domain, version);
  assertListed(opsets.size, "operator sets");
}

function readGraph(bytes: Uint8Array, reading: Reading, depth: number): Graph {
  if (depth > maxDepth) throw new MalformedMessage(`subgraphs are nested more than ${maxDepth} deep`);
  const message = new MessageReader(bytes);
  const initializers = new Set<string>();
  const inputs: OnnxValue[] = [];
  const outputs: OnnxValue[] = [];
  let name = "";
  while (message.next()) {
    if (message.field === 1) readNode(message.bytes(), reading, depth);
    else if (message.field === 2) name = message.text(maxName);
    else if (message.field === 5) initializers.add(readTensor(message.bytes(), reading));
    else if (message.field === 11) inputs.push(readValue(message.bytes()));
    else if (message.field === 12) outputs.push(readValue(message.bytes()));
    else if (message.field === 15) readSparseTensor(message.bytes(), reading);
    else message.skip();
    assertListed(Math.max(inputs.length, outputs.length), "inputs or outputs");
  }
  return { name, inputs: inputs.filter((input) => !initializers.has(input.name)), outputs };
}

function readNode(bytes: Uint8Array, reading: Reading, depth: number): void {
  const message = new MessageReader(bytes);
  let operator = "";
  let domain = "";
  while (message.next()) {
    if (message.field === 4) operator = message.text(maxName);
    else if (message.field === 7) domain = message.text(maxName);
    else if (message.field === 5) readAttribute(message.bytes(), reading, depth);
    else message.skip();
  }
  if (operator === "") throw new MalformedMessage("a node has no operator");
  const key = domain === "" || domain === "ai.onnx" ? operator : `${domain}.${operator}`;
  reading.operators.set(key, (reading.operators.get(key) ?? 0) + 1);
  assertListed(reading.operators.size, "operators");
}

function readAttribute(bytes: Uint8Array, reading: Reading, depth: number): void {
  const message = new MessageReader(bytes);
  while (message.next()) {
    if (message.field === 5 || message.field === 10) readTensor(message.bytes(), reading);
    else if (message.field === 6 || message.field === 11) readGraph(message.bytes(), reading, depth + 1);
    else if (message.field === 22 || message.field === 23) readSparseTensor(message.bytes(), reading);
    else message.skip();
  }
}

function readFunction(bytes: Uint8Array, reading: Reading): void {
  const message = new MessageReader(bytes);
  while (message.next()) {
    if (message.field === 7) readNode(message.bytes(), reading, 0);
    else message.skip();
  }
}

function readSparseTensor(bytes: Uint8Array, reading: Reading): void {
  const message = new MessageReader(bytes);
  while (message.next()) {
    if (message.field === 1 || message.field === 2) readTensor(message.bytes(), reading);
    else message.skip();
  }
}

/** @returns its name */
function readTensor(bytes: Uint8Array, reading: Reading): string {
  const message = new MessageReader(bytes);
  let name = "";
  let location: string | undefined;
  let external = false;
  while (message.next()) {
    if (message.field === 8) name = message.text(maxName);
    else if (message.field === 13) location = readLocation(message.bytes()) ?? location;
    else if (message.field === 14) external = message.integer() === 1;
    else message.skip();
  }
  if (!external) return name;
  if (location === undefined) throw new MalformedMessage(`the external tensor "${name}" has no location`);
  reading.externalData.add(location);
  assertListed(reading.externalData.size, "external files");
  return name;
}

/** The value of a StringStringEntryProto with the key `location`. */
function readLocation(bytes: Uint8Array): string | undefined {
  const message = new MessageReader(bytes);
  let key = "";
  let value = "";
  while (message.next()) {
    if (message.field === 1) key = message.text(maxName);
    else if (message.field === 2) value = message.text(maxName);
    else message.skip();
  }
  return key === "location" ? value : undefined;
}

function assertListed(count: number, what: string): void {
  if (count > maxListed) throw new MalformedMessage(`it has more than ${maxListed} ${what}`);
}

function sorted(counts: ReadonlyMap<string, number>): Record<string, number> {
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}
