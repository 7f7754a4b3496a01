/** The JavaScript value of each type but vectors. A timestamp is epoch microseconds, UTC. */
export interface ValueTypes {
  float64: number;
  int32: number;
  int64: bigint;
  boolean: boolean;
  string: string;
  timestamp: bigint;
}

/** A type of one value: what windows aggregate, and transforms take and give. */
export type ScalarType = keyof ValueTypes;

/** Vectors of so many float32, an embedding for one. Made by {@link vector}. */
export type VectorType = `float32[${number}]`;

export type ValueType = ScalarType | VectorType;

export type ScalarValue = ValueTypes[ScalarType];

export type Value = ScalarValue | Float32Array;

/** The JavaScript value of a type. */
export type ValueOf<Type extends ValueType> = Type extends ScalarType ? ValueTypes[Type] : Float32Array;

/** What a `Shape` such as `{ hour: "int32" }` holds: `{ hour: number }`. */
export type ValuesOf<Shape extends Readonly<Record<string, ScalarType>>> = {
  readonly [Name in keyof Shape]: ValueTypes[Shape[Name]];
};

export const scalarTypes: readonly ScalarType[] = ["float64", "int32", "int64", "boolean", "string", "timestamp"];

/** DynamoDB takes no item of 400 kB, and a vector is one. */
const mostDimensions = 65_536;

/**
 * The type of a feature that is a vector of float32, all of one length: `column("embedding", vector(384))`. Its column is an
 * Arrow list of floats.
 */
export const vector = <const Dimensions extends number>(dimensions: Dimensions): `float32[${Dimensions}]` =>
  `float32[${dimensions}]`;

/** How many numbers a vector of the type has; undefined for a type that is none. */
export function dimensionsOf(type: string): number | undefined {
  const found = /^float32\[([1-9]\d{0,4})\]$/.exec(type)?.[1];
  return found !== undefined && Number(found) <= mostDimensions ? Number(found) : undefined;
}

export const isValueType = (type: string): type is ValueType =>
  scalarTypes.includes(type as ScalarType) || dimensionsOf(type) !== undefined;

/** True when `value` is a value of `type`, exactly: an int32 is whole and in range, a vector finite and of the right length. */
export function isValueOf(type: ValueType, value: unknown): value is Value {
  switch (type) {
    case "float64":
      return typeof value === "number";
    case "int32":
      return typeof value === "number" && (value | 0) === value;
    case "int64":
    case "timestamp":
      return typeof value === "bigint" && BigInt.asIntN(64, value) === value;
    case "boolean":
      return typeof value === "boolean";
    case "string":
      return typeof value === "string";
    default:
      return value instanceof Float32Array && value.length === dimensionsOf(type) && value.every(Number.isFinite);
  }
}

/** True of epoch milliseconds, whole or not, that a timestamp of a table can be: of the years 1684 to 2255. */
export const isMoment = (value: unknown): value is number =>
  typeof value === "number" && Math.abs(value) <= Number.MAX_SAFE_INTEGER / 1000;

/** True when two values are the same to the bit; NaN is NaN, and 0 is -0. */
export function sameValue(a: Value | null, b: Value | null): boolean {
  if (a instanceof Float32Array && b instanceof Float32Array) {
    return a.length === b.length && a.every((value, i) => value === b[i]);
  }
  return Object.is(a, b) || a === b;
}
