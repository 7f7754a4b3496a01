import { computeError } from "../errors.ts";
import { elementTypeCodes, elementWidths, type OnnxDimension, type OnnxElementType, type OnnxTensor } from "./model.ts";
import { readText, type WireField, WireReader } from "./wire-reader.ts";
import { wireType } from "./wire-writer.ts";

/** One `TensorShapeProto.Dimension`: a length, a name, or the name "?" when neither is said. */
export function readDimension(field: WireField): OnnxDimension {
  let dimension: OnnxDimension = "?";
  for (const part of new WireReader(field.bytes, field.offset).fields()) {
    if (part.number === 1) dimension = part.int;
    else if (part.number === 2) dimension = readText(part);
  }
  return dimension;
}

/** A `TensorProto` with `raw_data`, the only form this package writes. */
export function readTensor(field: WireField): OnnxTensor {
  let name = "";
  let type: OnnxElementType | undefined;
  let raw: WireField | undefined;
  const shape: number[] = [];
  for (const part of new WireReader(field.bytes, field.offset).fields()) {
    if (part.number === 1) readInts(part, shape);
    else if (part.number === 2) type = elementTypeOf(part);
    else if (part.number === 8) name = readText(part);
    else if (part.number === 9) raw = part;
    else throw malformed(`a tensor stores its data in field ${part.number}, not raw_data`, part.offset);
  }
  if (type === undefined) throw malformed(`the tensor "${name}" has no type`, field.offset);
  return { name, type, shape, data: readRaw(name, type, shape, raw, field.offset) };
}

/** Packed or not: a proto3 parser accepts both. */
export function readInts(field: WireField, into: number[]): void {
  if (field.type === wireType.varint) {
    into.push(field.int);
    return;
  }
  const reader = new WireReader(field.bytes, field.offset);
  while (!reader.done) into.push(reader.int());
}

function readRaw(
  name: string,
  type: OnnxElementType,
  shape: readonly number[],
  raw: WireField | undefined,
  offset: number,
): ArrayLike<number> {
  const bytes = raw?.bytes ?? new Uint8Array(0);
  const width = elementWidths[type];
  const size = shape.reduce((product, length) => product * length, 1);
  if (!Number.isSafeInteger(size) || shape.some((length) => length < 0) || size * width !== bytes.byteLength) {
    throw malformed(
      `the tensor "${name}" of shape [${shape.join(", ")}] has ${bytes.byteLength} bytes`,
      raw?.offset ?? offset,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (type === "float32") return Float32Array.from({ length: size }, (_, i) => view.getFloat32(i * 4, true));
  if (type === "float64") return Float64Array.from({ length: size }, (_, i) => view.getFloat64(i * 8, true));
  if (type === "int32") return Int32Array.from({ length: size }, (_, i) => view.getInt32(i * 4, true));
  if (type === "uint16") return Uint16Array.from({ length: size }, (_, i) => view.getUint16(i * 2, true));
  if (type === "int64") return Float64Array.from({ length: size }, (_, i) => Number(view.getBigInt64(i * 8, true)));
  return bytes.slice();
}

export function elementTypeOf(field: WireField): OnnxElementType {
  const types = Object.keys(elementTypeCodes) as OnnxElementType[];
  const type = types.find((name) => elementTypeCodes[name] === field.int);
  if (type !== undefined) return type;
  throw malformed(`element type ${field.int} is not one of ${types.join(", ")}`, field.offset);
}

function malformed(reason: string, offset: number): Error {
  return computeError("ONNX_MALFORMED", { reason, offset });
}
