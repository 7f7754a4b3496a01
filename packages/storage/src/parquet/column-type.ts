import { storageError } from "../errors.ts";

/** The column types without parts, by their names in Delta Lake. `timestamp` is UTC, `timestamp_ntz` has no zone. */
export type PrimitiveType =
  | "boolean"
  | "byte"
  | "short"
  | "integer"
  | "long"
  | "float"
  | "double"
  | "string"
  | "binary"
  | "date"
  | "timestamp"
  | "timestamp_ntz";

/** An exact number of up to 38 digits, the given count of which stand after the point: `decimal(12,2)`. */
export type DecimalType = `decimal(${number},${number})`;

/** Named fields, each of its own type. */
export interface StructType {
  readonly type: "struct";
  readonly fields: readonly StructField[];
}

export interface StructField {
  readonly name: string;
  readonly type: ColumnType;
  readonly nullable: boolean;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** A list of values of one type. */
export interface ArrayType {
  readonly type: "array";
  readonly elementType: ColumnType;
  readonly containsNull: boolean;
}

/** Values by key; a key is never null and comes once. */
export interface MapType {
  readonly type: "map";
  readonly keyType: ColumnType;
  readonly valueType: ColumnType;
  readonly valueContainsNull: boolean;
}

export type NestedType = StructType | ArrayType | MapType;

/** The type of a column, exactly as it stands in Delta's schema: "Schema Serialization Format" of the protocol. */
export type ColumnType = PrimitiveType | DecimalType | NestedType;

/**
 * One value of a column without parts: `long` and timestamps (epoch microseconds) are `bigint`, a `date` is a number of
 * days since 1970-01-01, `binary` is bytes, a decimal is the `bigint` of its digits: 12.50 of `decimal(4,2)` is `1250n`.
 */
export type Scalar = boolean | number | bigint | string | Uint8Array;

/** One value of any column: a struct is an object, an array an array, a map an array of `[key, value]` pairs. */
export type Value = Scalar | StructValue | readonly (Value | null)[];

export interface StructValue {
  readonly [field: string]: Value | null;
}

export const primitiveTypes: readonly PrimitiveType[] = [
  "boolean",
  "byte",
  "short",
  "integer",
  "long",
  "float",
  "double",
  "string",
  "binary",
  "date",
  "timestamp",
  "timestamp_ntz",
];

export function isPrimitive(type: unknown): type is PrimitiveType {
  return (primitiveTypes as readonly unknown[]).includes(type);
}

export function isNested(type: ColumnType): type is NestedType {
  return typeof type === "object";
}

export interface Decimal {
  /** Digits in all, 1 to 38. */
  readonly precision: number;
  /** Digits after the point, 0 to `precision`. */
  readonly scale: number;
}

/** The digits of a decimal type; undefined when the text names none. */
export function decimalOf(type: unknown): Decimal | undefined {
  const match = typeof type === "string" ? /^decimal\((\d{1,2}),\s*(\d{1,2})\)$/.exec(type) : null;
  if (match === null) return undefined;
  const [precision, scale] = [Number(match[1]), Number(match[2])];
  return precision >= 1 && precision <= 38 && scale <= precision ? { precision, scale } : undefined;
}

export function decimalType({ precision, scale }: Decimal): DecimalType {
  return `decimal(${precision},${scale})`;
}

export function isDecimal(type: ColumnType): type is DecimalType {
  return typeof type === "string" && type.startsWith("decimal");
}

/** A type as text, as Spark shows it: `map<string,array<long>>`. Nullability and metadata do not show. */
export function typeText(type: ColumnType): string {
  if (typeof type === "string") return type;
  switch (type.type) {
    case "struct":
      return `struct<${type.fields.map((field) => `${nameText(field.name)}:${typeText(field.type)}`).join(",")}>`;
    case "array":
      return `array<${typeText(type.elementType)}>`;
    case "map":
      return `map<${typeText(type.keyType)},${typeText(type.valueType)}>`;
  }
}

const nameText = (name: string): string => (/^\w+$/.test(name) ? name : JSON.stringify(name));

/** Whether two types hold the same values; nullability and metadata do not count. */
export function sameType(a: ColumnType, b: ColumnType): boolean {
  return a === b || typeText(a) === typeText(b);
}

/** The type that stands inside at any depth, leaves included. */
export function* typesWithin(type: ColumnType): Generator<ColumnType> {
  yield type;
  if (!isNested(type)) return;
  if (type.type === "struct") for (const field of type.fields) yield* typesWithin(field.type);
  else if (type.type === "array") yield* typesWithin(type.elementType);
  else {
    yield* typesWithin(type.keyType);
    yield* typesWithin(type.valueType);
  }
}

export function unsupported(column: string, type: string, remedy: string, by = "the column types of storage"): Error {
  return storageError("TYPE_UNSUPPORTED", { column, type, by, remedy });
}
