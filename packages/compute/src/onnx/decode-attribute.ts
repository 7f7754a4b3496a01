import { computeError } from "../errors.ts";
import { readInts } from "./decode-tensor.ts";
import { attributeTypeCodes, type OnnxAttribute } from "./model.ts";
import { readText, type WireField, WireReader } from "./wire-reader.ts";

/** One `AttributeProto`: its name and value. */
export function readAttribute(field: WireField): readonly [string, OnnxAttribute] {
  let name = "";
  let type = 0;
  let float = 0;
  let int = 0;
  let string = "";
  const floats: number[] = [];
  const ints: number[] = [];
  const strings: string[] = [];
  for (const part of new WireReader(field.bytes, field.offset).fields()) {
    if (part.number === 1) name = readText(part);
    else if (part.number === 2) float = new WireReader(part.bytes, part.offset).float();
    else if (part.number === 3) int = part.int;
    else if (part.number === 4) string = readText(part);
    else if (part.number === 7) readFloats(part, floats);
    else if (part.number === 8) readInts(part, ints);
    else if (part.number === 9) strings.push(readText(part));
    else if (part.number === 20) type = part.int;
  }
  if (type === attributeTypeCodes.float) return [name, { float }];
  if (type === attributeTypeCodes.int) return [name, { int }];
  if (type === attributeTypeCodes.string) return [name, { string }];
  if (type === attributeTypeCodes.floats) return [name, { floats: Float32Array.from(floats) }];
  if (type === attributeTypeCodes.ints) return [name, { ints }];
  if (type === attributeTypeCodes.strings) return [name, { strings }];
  throw computeError("ONNX_MALFORMED", {
    reason: `the attribute "${name}" has type ${type}, which is not read`,
    offset: field.offset,
  });
}

/** Packed or not. */
function readFloats(field: WireField, into: number[]): void {
  const reader = new WireReader(field.bytes, field.offset);
  while (!reader.done) into.push(reader.float());
}
