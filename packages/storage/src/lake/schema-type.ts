import type { Data, Struct } from "apache-arrow";
import {
  type ColumnType,
  decimalOf,
  decimalType,
  isNested,
  isPrimitive,
  sameType,
  type StructField,
  unsupported,
} from "../parquet/column-type.ts";

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A type of Delta's schema JSON. @throws TYPE_UNSUPPORTED, or a TypeError when it is no schema */
export function parseType(column: string, type: unknown): ColumnType {
  if (isPrimitive(type)) return type;
  const decimal = type === "decimal" ? { precision: 10, scale: 0 } : decimalOf(type);
  if (decimal !== undefined) return decimalType(decimal);
  if (isRecord(type)) {
    switch (type["type"]) {
      case "struct":
        return { type: "struct", fields: parseFields(type["fields"], column) };
      case "array": {
        const elementType = parseType(column, type["elementType"]);
        return { type: "array", elementType, containsNull: type["containsNull"] !== false };
      }
      case "map": {
        const [keyType, valueType] = [parseType(column, type["keyType"]), parseType(column, type["valueType"])];
        return { type: "map", keyType, valueType, valueContainsNull: type["valueContainsNull"] !== false };
      }
      default:
    }
  }
  const shown = typeof type === "string" ? type : JSON.stringify(type);
  const remedy = "Read the table with another engine, or rewrite it without this column.";
  throw unsupported(column, shown, remedy, "a lake table");
}

/** The fields of a struct, or of a whole table; `column` is named when a type is refused. */
export function parseFields(fields: unknown, column?: string): StructField[] {
  if (!Array.isArray(fields)) throw new TypeError("a struct has no fields");
  return fields.map((field: unknown) => {
    if (!isRecord(field) || typeof field["name"] !== "string") throw new TypeError("a field has no name");
    const { name, type, nullable, metadata } = field;
    const path = column === undefined ? name : `${column}.${name}`;
    return {
      name,
      type: parseType(path, type),
      nullable: nullable !== false,
      metadata: isRecord(metadata) ? metadata : {},
    };
  });
}

/** The type with every part changed: leaves by `leaf`, nullability by `nullable`. */
export function mapType(
  type: ColumnType,
  leaf: (type: ColumnType) => ColumnType,
  nullable: (given: boolean) => boolean,
): ColumnType {
  if (!isNested(type)) return leaf(type);
  const within = (part: ColumnType): ColumnType => mapType(part, leaf, nullable);
  switch (type.type) {
    case "struct": {
      const fields = type.fields.map((field) => ({
        ...field,
        type: within(field.type),
        nullable: nullable(field.nullable),
      }));
      return { ...type, fields };
    }
    case "array":
      return { ...type, elementType: within(type.elementType), containsNull: nullable(type.containsNull) };
    case "map":
      return {
        type: "map",
        keyType: within(type.keyType),
        valueType: within(type.valueType),
        valueContainsNull: nullable(type.valueContainsNull),
      };
  }
}

/** The type with every field of a struct changed, at any depth, from the outside in. */
export function mapFields(type: ColumnType, change: (field: StructField) => StructField): ColumnType {
  if (!isNested(type)) return type;
  const within = (part: ColumnType): ColumnType => mapFields(part, change);
  switch (type.type) {
    case "struct": {
      const fields = type.fields.map((field) => {
        const changed = change(field);
        return { ...changed, type: within(changed.type) };
      });
      return { ...type, fields };
    }
    case "array":
      return { ...type, elementType: within(type.elementType) };
    case "map":
      return { ...type, keyType: within(type.keyType), valueType: within(type.valueType) };
  }
}

/** Naive timestamps taken as UTC, at any depth. */
export function inUtc(type: ColumnType): ColumnType {
  return mapType(
    type,
    (leaf) => (leaf === "timestamp_ntz" ? "timestamp" : leaf),
    (given) => given,
  );
}

/** Whether rows of one type may stand in a column of another: the same, or naive timestamps in a column of UTC. */
export function fitsColumn(rows: ColumnType, column: ColumnType): boolean {
  if (sameType(rows, column)) return true;
  if (rows === "timestamp_ntz") return column === "timestamp";
  if (!isNested(rows) || !isNested(column)) return false;
  if (rows.type === "struct" && column.type === "struct") {
    return (
      rows.fields.length === column.fields.length &&
      rows.fields.every((field, index) => {
        const other = column.fields[index];
        return other?.name === field.name && fitsColumn(field.type, other.type);
      })
    );
  }
  if (rows.type === "array" && column.type === "array") return fitsColumn(rows.elementType, column.elementType);
  if (rows.type !== "map" || column.type !== "map") return false;
  return fitsColumn(rows.keyType, column.keyType) && fitsColumn(rows.valueType, column.valueType);
}

/** The path of a part that must not be null but is; undefined when there is none. */
export function forbiddenNull(name: string, type: ColumnType, nullable: boolean, data: Data): string | undefined {
  if (!nullable && data.nullCount > 0) return name;
  if (!isNested(type)) return undefined;
  switch (type.type) {
    case "struct":
      return forbiddenInStruct(name, type.fields, data as Data<Struct>);
    case "array":
      return forbiddenNull(`${name}.element`, type.elementType, type.containsNull, data.children[0] as Data);
    case "map": {
      const [keys, values] = (data.children[0] as Data).children as [Data, Data];
      return (
        forbiddenNull(`${name}.key`, type.keyType, false, keys) ??
        forbiddenNull(`${name}.value`, type.valueType, type.valueContainsNull, values)
      );
    }
  }
}

/** A field that must not be null may be so where its struct is null. */
function forbiddenInStruct(name: string, fields: readonly StructField[], data: Data<Struct>): string | undefined {
  for (const [index, field] of fields.entries()) {
    const child = data.children[index] as Data;
    const path = `${name}.${field.name}`;
    const own = !field.nullable && child.nullCount > 0 && nullsBeyond(child, data);
    const found = own ? path : forbiddenNull(path, field.type, true, child);
    if (found !== undefined) return found;
  }
  return undefined;
}

function nullsBeyond(child: Data, parent: Data): boolean {
  for (let row = 0; row < child.length; row++) if (!child.getValid(row) && parent.getValid(row)) return true;
  return false;
}
