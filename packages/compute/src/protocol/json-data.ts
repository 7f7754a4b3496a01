import { computeError } from "../errors.ts";
import { arrayConstructor, arrayToFill, elementCount, type TensorData } from "../infer/tensor.ts";
import { type Datatype, elementTypeOf, integerRanges } from "./datatypes.ts";

/**
 * Reads the `data` of a tensor: flat or nested row-major, checked against datatype and shape.
 *
 * @throws PROTOCOL_REQUEST_INVALID
 */
export function readJsonData(name: string, datatype: Datatype, shape: readonly number[], data: unknown): TensorData {
  if (datatype === "FP16" || datatype === "BF16") {
    const what = `the input "${name}" has datatype ${datatype} and JSON data`;
    throw invalid(what, `${datatype} has no JSON form; send it as binary data`);
  }
  const values = flatten(name, shape, data);
  const expected = elementCount(shape);
  if (values.length !== expected) {
    throw invalid(
      `the input "${name}" has ${values.length} elements`,
      `its shape [${shape.join(", ")}] holds ${expected}`,
    );
  }
  if (datatype === "FP32" || datatype === "FP64") return readFloats(name, datatype, values);
  const wrong = (value: unknown): Error => notOf(name, datatype, value);

  if (datatype === "BYTES") {
    const bad = values.find((value) => typeof value !== "string");
    if (bad !== undefined) throw wrong(bad);
    return values as string[];
  }
  const constructor = arrayConstructor(elementTypeOf(datatype));
  if (constructor === null) throw wrong(datatype);
  const read = reader(datatype, wrong);
  const result = arrayToFill(constructor, expected) as { [index: number]: number | bigint } & TensorData;
  for (let index = 0; index < expected; index++) result[index] = read(values[index]);
  return result;
}

function readFloats(name: string, datatype: "FP32" | "FP64", values: readonly unknown[]): Float32Array | Float64Array {
  const floats: Float32Array | Float64Array =
    datatype === "FP32" ? arrayToFill(Float32Array, values.length) : arrayToFill(Float64Array, values.length);
  for (let index = 0; index < values.length; index++) {
    const value = values[index];
    const number = typeof value === "bigint" ? Number(value) : value;
    if (typeof number !== "number") throw notOf(name, datatype, value);
    floats[index] = number;
    // Too large for FP32 is infinite here.
    if (!Number.isFinite(floats[index])) throw notOf(name, datatype, value);
  }
  return floats;
}

function notOf(name: string, datatype: Datatype, value: unknown): Error {
  return invalid(`the input "${name}" holds ${show(value)}`, `its datatype is ${datatype}`);
}

function reader(datatype: Datatype, wrong: (value: unknown) => Error): (value: unknown) => number | bigint {
  if (datatype === "BOOL") {
    return (value) => {
      if (typeof value !== "boolean") throw wrong(value);
      return value ? 1 : 0;
    };
  }
  const range = integerRanges[datatype];
  if (range === undefined) throw wrong(datatype);
  const wide = datatype === "INT64" || datatype === "UINT64";
  const least = Number(range[0]);
  const most = Number(range[1]);
  return (value) => {
    if (!wide) {
      if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most) throw wrong(value);
      return value;
    }
    const exact = typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : value;
    if (typeof exact !== "bigint" || exact < range[0] || exact > range[1]) throw wrong(value);
    return exact;
  };
}

function flatten(name: string, shape: readonly number[], data: unknown): readonly unknown[] {
  if (!Array.isArray(data))
    throw invalid(`the input "${name}" has no data array`, `"data" is an array of its elements`);
  if (!Array.isArray(data[0])) return data;
  const flat: unknown[] = [];
  const visit = (part: unknown, axis: number): void => {
    if (!Array.isArray(part) || part.length !== shape[axis]) {
      throw invalid(`the nested data of "${name}" is uneven or of another shape`, `its shape is [${shape.join(", ")}]`);
    }
    if (axis < shape.length - 1) for (const inner of part) visit(inner, axis + 1);
    else for (const value of part) flat.push(value);
  };
  visit(data, 0);
  return flat;
}

/**
 * Writes elements as a flat JSON array. Integers of 64 bits are written digit for digit.
 *
 * @throws PROTOCOL_UNSUPPORTED for FP16 and for NaN or an infinity, which JSON cannot hold
 */
export function writeJsonData(name: string, datatype: Datatype, data: TensorData): string {
  if (datatype === "BYTES") return JSON.stringify(data);
  if (datatype === "FP16") throw unsupported(`The output "${name}" is FP16, and JSON for it`);
  if (datatype === "BOOL") return `[${Array.from(data as Uint8Array, (value) => value !== 0).join(",")}]`;
  if (datatype === "FP32" || datatype === "FP64") {
    for (const value of data as Float32Array) {
      if (!Number.isFinite(value)) throw unsupported(`The output "${name}" holds ${value}, and JSON for it`);
    }
  }
  return `[${(data as Float32Array).join(",")}]`;
}

function unsupported(what: string): Error {
  return computeError("PROTOCOL_UNSUPPORTED", { what, remedy: "Ask for it with the output parameter binary_data." });
}

function invalid(what: string, rule: string): Error {
  return computeError("PROTOCOL_REQUEST_INVALID", { what, rule });
}

function show(value: unknown): string {
  const text = typeof value === "bigint" ? value.toString() : JSON.stringify(value);
  return text === undefined ? "nothing" : text.slice(0, 60);
}
