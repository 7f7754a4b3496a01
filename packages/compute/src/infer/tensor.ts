/** Element types of a tensor, in the names of ONNX Runtime. */
export type ElementType =
  | "float16"
  | "float32"
  | "float64"
  | "int8"
  | "int16"
  | "int32"
  | "int64"
  | "uint8"
  | "uint16"
  | "uint32"
  | "uint64"
  | "bool"
  | "string";

export type NumericTensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/**
 * Row-major elements. `bool` is a `Uint8Array` of zeros and ones, `float16` a `Uint16Array` of IEEE 754 half bits,
 * `string` an array of strings.
 */
export type TensorData = NumericTensorData | readonly string[];

export interface Tensor {
  readonly data: TensorData;
  /** Lengths of the axes, outermost first; their product is the number of elements. */
  readonly shape: readonly number[];
}

/** A tensor that says what its elements are. */
export interface TypedTensor extends Tensor {
  readonly type: ElementType;
}

export interface NamedTensor extends Tensor {
  readonly name: string;
}

/** An input or output of a model, read from the model itself. A `null` dimension varies from request to request. */
export interface TensorSpec {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly (number | null)[];
  /** What the model calls the dimensions that vary; `null` for the others. Left out when it names none. */
  readonly symbols?: readonly (string | null)[];
}

type NumericArrayConstructor<Elements extends NumericTensorData = NumericTensorData> = {
  readonly BYTES_PER_ELEMENT: number;
  readonly name: string;
  new (length: number): Elements;
  new (buffer: ArrayBuffer, byteOffset: number, length: number): Elements;
};

const arrayConstructors: Readonly<Record<Exclude<ElementType, "string">, NumericArrayConstructor>> = {
  float16: Uint16Array,
  float32: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
};

/** The typed array that holds elements of a type; `null` for strings. */
export function arrayConstructor(type: ElementType): NumericArrayConstructor | null {
  return type === "string" ? null : arrayConstructors[type];
}

/**
 * An array whose elements are all about to be written. A small one lies in the pool that `Buffer`s lie in: to make an
 * `ArrayBuffer` of its own, and to free it, takes longer than to fill it.
 */
export function arrayToFill<Elements extends NumericTensorData>(
  constructor: NumericArrayConstructor<Elements>,
  length: number,
): Elements {
  const bytes = length * constructor.BYTES_PER_ELEMENT;
  // V8 keeps arrays of up to 64 bytes in its own heap, and larger ones than half the pool are not taken from it.
  if (bytes <= 64 || bytes > Buffer.poolSize >>> 1) return new constructor(length);
  const { buffer, byteOffset } = Buffer.allocUnsafe(bytes);
  if (byteOffset % constructor.BYTES_PER_ELEMENT !== 0) return new constructor(length);
  return new constructor(buffer as ArrayBuffer, byteOffset, length);
}

/** True when `data` holds elements of `type`. Strings are not looked at one by one. */
export function holds(data: unknown, type: ElementType): data is TensorData {
  const constructor = arrayConstructor(type);
  if (constructor === null) return Array.isArray(data);
  // The tag is the class of a typed array of any realm, and cannot be forged on one.
  return ArrayBuffer.isView(data) && (data as NumericTensorData)[Symbol.toStringTag] === constructor.name;
}

export function elementCount(shape: readonly number[]): number {
  let count = 1;
  for (const length of shape) count *= length;
  return count;
}
