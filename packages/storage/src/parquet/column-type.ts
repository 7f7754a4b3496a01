import {
  Binary,
  Bool,
  type DataType,
  DateDay,
  DateUnit,
  Field,
  Float32,
  Float64,
  Int16,
  Int32,
  Int64,
  Int8,
  Schema,
  TimestampMicrosecond,
  TimeUnit,
  Type,
  Utf8,
} from "apache-arrow";
import { storageError } from "../errors.ts";

/** The column types of this package, by their names in Delta Lake. `timestamp` is UTC, `timestamp_ntz` has no zone. */
export type ColumnType =
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

/**
 * One value of a column: `long` and timestamps (epoch microseconds) are `bigint`, a `date` is a number of days since
 * 1970-01-01, `binary` is bytes.
 */
export type Scalar = boolean | number | bigint | string | Uint8Array;

/** The column type that holds every value of an Arrow field. @throws TYPE_UNSUPPORTED */
export function columnTypeOf(field: Field): ColumnType {
  return typeOf(field, field.type as DataType);
}

function typeOf(field: Field, type: DataType): ColumnType {
  switch (type.typeId) {
    case Type.Bool:
      return "boolean";
    case Type.Int:
      return integerType(field, type as Int64);
    case Type.Float:
      if ((type as Float64).precision === 0) break;
      return (type as Float64).precision === 1 ? "float" : "double";
    case Type.Utf8:
    case Type.LargeUtf8:
      return "string";
    case Type.Binary:
      return "binary";
    case Type.Date:
      return (type as DateDay).unit === (DateUnit.DAY as number) ? "date" : "timestamp_ntz";
    case Type.Timestamp:
      if ((type as TimestampMicrosecond).unit === (TimeUnit.NANOSECOND as number)) break;
      return (type as TimestampMicrosecond).timezone ? "timestamp" : "timestamp_ntz";
    case Type.Dictionary:
      return typeOf(field, (type as DataType & { readonly dictionary: DataType }).dictionary);
    default:
  }
  throw unsupported(
    field,
    "Cast it to a boolean, signed integer, float, string, binary, date or microsecond timestamp.",
  );
}

function integerType(field: Field, type: Int64): ColumnType {
  if (!type.isSigned) throw unsupported(field, "Cast it to a signed integer that is wide enough.");
  const types: Record<number, ColumnType> = { 8: "byte", 16: "short", 32: "integer", 64: "long" };
  return types[type.bitWidth] ?? "long";
}

function unsupported(field: Field, remedy: string): Error {
  const type = String(field.type);
  return storageError("TYPE_UNSUPPORTED", { column: field.name, type, by: "the column types of storage", remedy });
}

const arrowTypes: Record<ColumnType, () => DataType> = {
  boolean: () => new Bool(),
  byte: () => new Int8(),
  short: () => new Int16(),
  integer: () => new Int32(),
  long: () => new Int64(),
  float: () => new Float32(),
  double: () => new Float64(),
  string: () => new Utf8(),
  binary: () => new Binary(),
  date: () => new DateDay(),
  timestamp: () => new TimestampMicrosecond("UTC"),
  timestamp_ntz: () => new TimestampMicrosecond(),
};

/** The Arrow type in which readers return a column. */
export function arrowTypeOf(type: ColumnType): DataType {
  return arrowTypes[type]();
}

/** A nullable Arrow field. */
export function arrowField(name: string, type: ColumnType, nullable = true): Field {
  return new Field(name, arrowTypeOf(type), nullable);
}

/** A schema of nullable columns from names and types. */
export function arrowSchema(columns: Iterable<readonly [name: string, type: ColumnType]>): Schema {
  return new Schema(Array.from(columns, ([name, type]) => arrowField(name, type)));
}
