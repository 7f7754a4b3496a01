/** The JavaScript value of each type. A timestamp is epoch microseconds, UTC. */
export interface ValueTypes {
  float64: number;
  int32: number;
  int64: bigint;
  boolean: boolean;
  string: string;
  timestamp: bigint;
}

export type ValueType = keyof ValueTypes;

export type Value = ValueTypes[ValueType];

/** What a `Shape` such as `{ hour: "int32" }` holds: `{ hour: number }`. */
export type ValuesOf<Shape extends Readonly<Record<string, ValueType>>> = {
  readonly [Name in keyof Shape]: ValueTypes[Shape[Name]];
};

export const valueTypes: readonly ValueType[] = ["float64", "int32", "int64", "boolean", "string", "timestamp"];

/** True when `value` is a value of `type`, exactly: an int32 is whole and in range, an int64 fits 64 bits. */
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
  }
}
