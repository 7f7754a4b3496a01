import { computeError } from "../errors.ts";
import type {
  OnnxAttribute,
  OnnxElementType,
  OnnxGraph,
  OnnxModel,
  OnnxNode,
  OnnxOperatorSet,
  OnnxTensor,
  OnnxTensorInfo,
} from "./model.ts";
import { readAttribute } from "./decode-attribute.ts";
import { elementTypeOf, readDimension, readTensor } from "./decode-tensor.ts";
import { readText, type WireField, WireReader } from "./wire-reader.ts";

export interface DecodeLimits {
  /** Largest file read, in bytes. @default 256 MiB */
  readonly maxBytes?: number;
  /** Most operators in the graph. @default 100,000 */
  readonly maxNodes?: number;
}

/**
 * Reads the bytes of an `.onnx` file, within limits: nothing is allocated by what a length field claims, only by bytes
 * that are there.
 *
 * @throws ONNX_MALFORMED when it is not a model, is cut off, is beyond the limits, or uses sub-graphs or other messages
 *   this package does not write
 */
export function decodeOnnx(bytes: Uint8Array, limits: DecodeLimits = {}): OnnxModel {
  const maxBytes = limits.maxBytes ?? 256 * 1024 * 1024;
  if (bytes.byteLength > maxBytes) throw malformed(`it has ${bytes.byteLength} bytes, over the limit ${maxBytes}`, 0);
  let irVersion = 0;
  let producer = "";
  let graph: OnnxGraph | undefined;
  const operatorSets: OnnxOperatorSet[] = [];
  const metadata = Object.create(null) as Record<string, string>;

  for (const field of new WireReader(bytes, 0).fields()) {
    if (field.number === 1) irVersion = field.int;
    else if (field.number === 2) producer = readText(field);
    else if (field.number === 7) graph = readGraph(field, limits.maxNodes ?? 100_000);
    else if (field.number === 8) operatorSets.push(readOperatorSet(field));
    else if (field.number === 14) readMetadata(field, metadata);
  }
  if (graph === undefined) throw malformed("it has no graph", 0);
  return { irVersion, producer, graph, operatorSets, metadata };
}

function readOperatorSet(field: WireField): OnnxOperatorSet {
  let domain = "";
  let version = 0;
  for (const part of fieldsOf(field)) {
    if (part.number === 1) domain = readText(part);
    else if (part.number === 2) version = part.int;
  }
  return { domain, version };
}

function readMetadata(field: WireField, metadata: Record<string, string>): void {
  let key = "";
  let value = "";
  for (const part of fieldsOf(field)) {
    if (part.number === 1) key = readText(part);
    else if (part.number === 2) value = readText(part);
  }
  metadata[key] = value;
}

function readGraph(field: WireField, maxNodes: number): OnnxGraph {
  let name = "";
  const nodes: OnnxNode[] = [];
  const initializers: OnnxTensor[] = [];
  const inputs: OnnxTensorInfo[] = [];
  const outputs: OnnxTensorInfo[] = [];
  for (const part of fieldsOf(field)) {
    if (part.number === 1) nodes.push(readNode(part));
    else if (part.number === 2) name = readText(part);
    else if (part.number === 5) initializers.push(readTensor(part));
    else if (part.number === 11) inputs.push(readTensorInfo(part));
    else if (part.number === 12) outputs.push(readTensorInfo(part));
    if (nodes.length > maxNodes) throw malformed(`the graph has more than ${maxNodes} operators`, part.offset);
  }
  return { name, nodes, initializers, inputs, outputs };
}

function readNode(field: WireField): OnnxNode {
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes = Object.create(null) as Record<string, OnnxAttribute>;
  let name = "";
  let operator = "";
  let domain = "";
  for (const part of fieldsOf(field)) {
    if (part.number === 1) inputs.push(readText(part));
    else if (part.number === 2) outputs.push(readText(part));
    else if (part.number === 3) name = readText(part);
    else if (part.number === 4) operator = readText(part);
    else if (part.number === 7) domain = readText(part);
    else if (part.number === 5) {
      const [key, attribute] = readAttribute(part);
      attributes[key] = attribute;
    }
  }
  return { name, operator, domain, inputs, outputs, attributes };
}

function readTensorInfo(field: WireField): OnnxTensorInfo {
  let name = "";
  let type: OnnxElementType | undefined;
  const shape: (number | string)[] = [];
  for (const part of fieldsOf(field)) {
    if (part.number === 1) name = readText(part);
    else if (part.number === 2) {
      for (const tensor of fieldsOf(part)) {
        if (tensor.number !== 1) throw malformed("a graph value is not a tensor", tensor.offset);
        for (const detail of fieldsOf(tensor)) {
          if (detail.number === 1) type = elementTypeOf(detail);
          else if (detail.number === 2) for (const entry of fieldsOf(detail)) shape.push(readDimension(entry));
        }
      }
    }
  }
  if (type === undefined) throw malformed(`the graph value "${name}" has no type`, field.offset);
  return { name, type, shape };
}

function fieldsOf(field: WireField): Generator<WireField> {
  return new WireReader(field.bytes, field.offset).fields();
}

function malformed(reason: string, offset: number): Error {
  return computeError("ONNX_MALFORMED", { reason, offset });
}
