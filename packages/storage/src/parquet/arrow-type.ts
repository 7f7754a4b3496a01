import {
  Binary,
  Bool,
  type DataType,
  DateDay,
  DateUnit,
  Decimal,
  Field,
  Float32,
  Float64,
  Int16,
  Int32,
  Int64,
  Int8,
  List,
  Map_,
  Schema,
  Struct,
  TimestampMicrosecond,
  TimeUnit,
  Type,
  Utf8,
} from "apache-arrow";
import {
  type ColumnType,
  decimalOf,
  decimalType,
  isNested,
  type NestedType,
  type PrimitiveType,
  type StructField,
  unsupported,
} from "./column-type.ts";

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
    case Type.Decimal: {
      const found = decimalType(type as Decimal);
      if ((type as Decimal).bitWidth !== 128 || decimalOf(found) === undefined) break;
      return found;
    }
    case Type.Dictionary:
      return typeOf(field, (type as DataType & { readonly dictionary: DataType }).dictionary);
    case Type.Struct:
      return structType(field, (type as Struct).children);
    case Type.List:
    case Type.FixedSizeList: {
      const element = (type as List).children[0] as Field;
      return { type: "array", elementType: columnTypeOf(element), containsNull: element.nullable };
    }
    case Type.Map: {
      const [key, value] = ((type as Map_).children[0] as Field<Struct>).type.children as [Field, Field];
      const [keyType, valueType] = [columnTypeOf(key), columnTypeOf(value)];
      return { type: "map", keyType, valueType, valueContainsNull: value.nullable };
    }
    default:
  }
  const known = "a boolean, signed integer, float, decimal, string, binary, date, microsecond timestamp";
  throw refused(field, `Cast it to ${known}, struct, list or map.`);
}

function structType(field: Field, fields: readonly Field[]): ColumnType {
  if (fields.length === 0) throw refused(field, "Give the struct a field: Parquet cannot hold a struct of none.");
  const seen = new Set<string>();
  for (const { name } of fields) {
    if (name === "") throw refused(field, "Give each of its fields a name.");
    if (seen.has(name.toLowerCase())) {
      throw refused(field, `Rename its field "${name}": names must differ by more than letter case.`);
    }
    seen.add(name.toLowerCase());
  }
  return { type: "struct", fields: fields.map(structField) };
}

function structField(field: Field): StructField {
  const { name, nullable, metadata } = field;
  return { name, type: columnTypeOf(field), nullable, metadata: Object.fromEntries(metadata) };
}

function integerType(field: Field, type: Int64): ColumnType {
  if (!type.isSigned) throw refused(field, "Cast it to a signed integer that is wide enough.");
  const types: Record<number, ColumnType> = { 8: "byte", 16: "short", 32: "integer", 64: "long" };
  return types[type.bitWidth] ?? "long";
}

const refused = (field: Field, remedy: string): Error => unsupported(field.name, String(field.type), remedy);

const arrowTypes: Record<PrimitiveType, () => DataType> = {
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
  if (isNested(type)) return nestedArrowType(type);
  const decimal = decimalOf(type);
  return decimal === undefined
    ? arrowTypes[type as PrimitiveType]()
    : new Decimal(decimal.scale, decimal.precision, 128);
}

function nestedArrowType(type: NestedType): DataType {
  switch (type.type) {
    case "struct":
      return new Struct(type.fields.map((field) => arrowField(field.name, field.type, field.nullable, field.metadata)));
    case "array":
      return new List(arrowField("element", type.elementType, type.containsNull));
    case "map": {
      const key = arrowField("key", type.keyType, false);
      const value = arrowField("value", type.valueType, type.valueContainsNull);
      return new Map_(new Field("key_value", entriesOf(key, value), false));
    }
  }
}

const entriesOf = (key: Field, value: Field): Struct<{ key: DataType; value: DataType }> => new Struct([key, value]);

/** An Arrow field, nullable by default. Metadata that is no text stands as JSON, as Arrow keeps text only. */
export function arrowField(
  name: string,
  type: ColumnType,
  nullable = true,
  metadata: Readonly<Record<string, unknown>> = {},
): Field {
  const texts = Object.entries(metadata).map(([key, value]): [string, string] => [
    key,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  return new Field(name, arrowTypeOf(type), nullable, new Map(texts));
}

/** A schema of nullable columns from names and types. */
export function arrowSchema(columns: Iterable<readonly [name: string, type: ColumnType]>): Schema {
  return new Schema(Array.from(columns, ([name, type]) => arrowField(name, type)));
}
