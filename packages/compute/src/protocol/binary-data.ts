import { computeError } from "../errors.ts";
import { arrayConstructor, elementCount, type NumericTensorData, type TensorData } from "../infer/tensor.ts";
import { type Datatype, elementTypeOf } from "./datatypes.ts";

/**
 * Reads a tensor of the binary extension: little-endian, row-major; BOOL is a byte each, BYTES a `u32` length and the
 * bytes of UTF-8 text each. Numbers are read in place where they are aligned, and copied where they are not. BF16 is
 * widened to FP32, which is exact.
 *
 * @throws PROTOCOL_REQUEST_INVALID
 */
export function readBinaryData(
  name: string,
  datatype: Datatype,
  shape: readonly number[],
  bytes: Uint8Array,
): TensorData {
  const count = elementCount(shape);
  const constructor = arrayConstructor(elementTypeOf(datatype));
  if (constructor === null) return readStrings(name, count, bytes);
  if (datatype === "BF16") return readBfloats(name, shape, bytes);
  if (bytes.byteLength !== count * constructor.BYTES_PER_ELEMENT) {
    const what = `the input "${name}" has ${bytes.byteLength} bytes`;
    throw invalid(what, `${datatype} of shape [${shape.join(", ")}] has ${count * constructor.BYTES_PER_ELEMENT}`);
  }
  if (datatype === "BOOL") return bytes.map((value) => (value === 0 ? 0 : 1));
  const aligned = bytes.byteOffset % constructor.BYTES_PER_ELEMENT === 0 ? bytes : new Uint8Array(bytes);
  return new constructor(aligned.buffer as ArrayBuffer, aligned.byteOffset, count);
}

/** The upper half of the bits of an FP32 each. */
function readBfloats(name: string, shape: readonly number[], bytes: Uint8Array): Float32Array {
  const count = elementCount(shape);
  if (bytes.byteLength !== count * 2) {
    throw invalid(
      `the input "${name}" has ${bytes.byteLength} bytes`,
      `BF16 of shape [${shape.join(", ")}] has ${count * 2}`,
    );
  }
  const bits = new Uint32Array(count);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let index = 0; index < count; index++) bits[index] = view.getUint16(index * 2, true) << 16;
  return new Float32Array(bits.buffer);
}

function readStrings(name: string, count: number, bytes: Uint8Array): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const strings: string[] = [];
  let offset = 0;
  while (offset < bytes.byteLength) {
    const length = offset + 4 <= bytes.byteLength ? view.getUint32(offset, true) : Number.POSITIVE_INFINITY;
    const end = offset + 4 + length;
    if (end > bytes.byteLength) {
      throw invalid(`the input "${name}" ends inside element ${strings.length}`, "each element is whole");
    }
    try {
      strings.push(decoder.decode(bytes.subarray(offset + 4, end)));
    } catch {
      throw invalid(`element ${strings.length} of the input "${name}" is not UTF-8`, "string tensors hold text");
    }
    offset = end;
  }
  if (strings.length !== count) {
    throw invalid(`the input "${name}" has ${strings.length} elements`, `its shape holds ${count}`);
  }
  return strings;
}

/** Writes a tensor as the binary extension has it. */
export function writeBinaryData(datatype: Datatype, data: TensorData): Uint8Array<ArrayBuffer> {
  if (datatype !== "BYTES") {
    const { buffer, byteOffset, byteLength } = data as NumericTensorData;
    return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
  }
  const encoder = new TextEncoder();
  const parts = (data as readonly string[]).map((text) => encoder.encode(text));
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + 4 + part.byteLength, 0));
  const view = new DataView(bytes.buffer);
  let offset = 0;
  for (const part of parts) {
    view.setUint32(offset, part.byteLength, true);
    bytes.set(part, offset + 4);
    offset += 4 + part.byteLength;
  }
  return bytes;
}

function invalid(what: string, rule: string): Error {
  return computeError("PROTOCOL_REQUEST_INVALID", { what, rule });
}
