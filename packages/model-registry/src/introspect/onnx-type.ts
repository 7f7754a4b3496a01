import { MalformedMessage, MessageReader } from "./protobuf.ts";

/** An input or output of an ONNX graph. */
export interface OnnxValue {
  readonly name: string;
  /** `float32`, `int64`, `string` ...; for what is no tensor its form, e.g. `sequence(map(int64, float32))`. */
  readonly dtype: string;
  /** A number is fixed, a string is a symbolic dimension, null is unknown. Absent when even the rank is unknown. */
  readonly shape?: readonly (number | string | null)[];
}

// TensorProto.DataType, from 1.
const elementTypes = (
  "float32 uint8 int8 uint16 int16 int32 int64 string bool float16 float64 uint32 uint64 complex64 complex128 " +
  "bfloat16 float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz uint4 int4 float4e2m1"
).split(" ");

const maxNesting = 8;
const maxRank = 64;
export const maxName = 4096;

/** Reads a ValueInfoProto. */
export function readValue(bytes: Uint8Array): OnnxValue {
  const message = new MessageReader(bytes);
  let name = "";
  let type: Omit<OnnxValue, "name"> = { dtype: "undefined" };
  while (message.next()) {
    if (message.field === 1) name = message.text(maxName);
    else if (message.field === 2) type = readType(message.bytes(), 0);
    else message.skip();
  }
  if (name === "") throw new MalformedMessage("an input or output has no name");
  return { name, ...type };
}

/** Reads a TypeProto. */
function readType(bytes: Uint8Array, depth: number): Omit<OnnxValue, "name"> {
  if (depth > maxNesting) throw new MalformedMessage(`types are nested more than ${maxNesting} deep`);
  const message = new MessageReader(bytes);
  let type: Omit<OnnxValue, "name"> = { dtype: "undefined" };
  while (message.next()) {
    if (message.field === 1) type = readTensorType(message.bytes());
    else if (message.field === 4) type = { dtype: `sequence(${readElement(message.bytes(), depth)})` };
    else if (message.field === 5) type = { dtype: readMap(message.bytes(), depth) };
    else if (message.field === 8) type = { dtype: `sparse(${readTensorType(message.bytes()).dtype})` };
    else if (message.field === 9) type = { dtype: `optional(${readElement(message.bytes(), depth)})` };
    else message.skip();
  }
  return type;
}

function readElement(bytes: Uint8Array, depth: number): string {
  const message = new MessageReader(bytes);
  let element = "undefined";
  while (message.next()) {
    if (message.field === 1) element = readType(message.bytes(), depth + 1).dtype;
    else message.skip();
  }
  return element;
}

function readMap(bytes: Uint8Array, depth: number): string {
  const message = new MessageReader(bytes);
  let key = "undefined";
  let value = "undefined";
  while (message.next()) {
    if (message.field === 1) key = elementType(message.integer());
    else if (message.field === 2) value = readType(message.bytes(), depth + 1).dtype;
    else message.skip();
  }
  return `map(${key}, ${value})`;
}

function readTensorType(bytes: Uint8Array): Omit<OnnxValue, "name"> {
  const message = new MessageReader(bytes);
  let dtype = "undefined";
  let shape: OnnxValue["shape"];
  while (message.next()) {
    if (message.field === 1) dtype = elementType(message.integer());
    else if (message.field === 2) shape = readShape(message.bytes());
    else message.skip();
  }
  return shape === undefined ? { dtype } : { dtype, shape };
}

function readShape(bytes: Uint8Array): (number | string | null)[] {
  const message = new MessageReader(bytes);
  const shape: (number | string | null)[] = [];
  while (message.next()) {
    if (message.field !== 1) message.skip();
    else if (shape.length === maxRank) throw new MalformedMessage(`a shape has more than ${maxRank} dimensions`);
    else shape.push(readDimension(message.bytes()));
  }
  return shape;
}

function readDimension(bytes: Uint8Array): number | string | null {
  const message = new MessageReader(bytes);
  let dimension: number | string | null = null;
  while (message.next()) {
    if (message.field === 1) dimension = message.integer();
    else if (message.field === 2) dimension = message.text(maxName);
    else message.skip();
  }
  // Some exporters write -1 or an empty name for a dimension they do not know.
  return dimension === "" || (typeof dimension === "number" && dimension < 0) ? null : dimension;
}

/** A type newer than this list keeps its number: it is no reason to refuse a model. */
function elementType(number: number): string {
  return elementTypes[number - 1] ?? (number === 0 ? "undefined" : `onnx:${number}`);
}
