import type { Field, List, Map_, Schema, Struct } from "apache-arrow";
import { columnTypeOf } from "./arrow-type.ts";
import { type ColumnType, decimalOf, isNested, type NestedType, type PrimitiveType } from "./column-type.ts";
import { sqlName } from "./duckdb-library.ts";
import { fieldIdOf } from "./field-id.ts";

const sqlTypes = {
  boolean: "BOOLEAN",
  byte: "TINYINT",
  short: "SMALLINT",
  integer: "INTEGER",
  long: "BIGINT",
  float: "FLOAT",
  double: "DOUBLE",
  string: "VARCHAR",
  binary: "BLOB",
  date: "DATE",
  timestamp: "TIMESTAMPTZ",
  timestamp_ntz: "TIMESTAMP",
} as const satisfies Record<PrimitiveType, string>;

/** A column type in DuckDB's SQL. */
export function sqlType(type: ColumnType): string {
  if (isNested(type)) return nestedSqlType(type);
  const decimal = decimalOf(type);
  return decimal === undefined ? sqlTypes[type as PrimitiveType] : `DECIMAL(${decimal.precision},${decimal.scale})`;
}

function nestedSqlType(type: NestedType): string {
  switch (type.type) {
    case "struct":
      return `STRUCT(${type.fields.map((field) => `${sqlName(field.name)} ${sqlType(field.type)}`).join(", ")})`;
    case "array":
      return `${sqlType(type.elementType)}[]`;
    case "map":
      return `MAP(${sqlType(type.keyType)}, ${sqlType(type.valueType)})`;
  }
}

/** Bytes of one decimal in a vector, by its digits. */
export function decimalWidth(precision: number): 2 | 4 | 8 | 16 {
  if (precision <= 4) return 2;
  if (precision <= 9) return 4;
  return precision <= 18 ? 8 : 16;
}

/** The option `FIELD_IDS` of `COPY`; empty when no field has an id. */
export function fieldIds(schema: Schema): string {
  const ids = structIds(schema.fields);
  return ids === "" ? "" : `, FIELD_IDS {${ids}}`;
}

function structIds(fields: readonly Field[]): string {
  return fields.flatMap((field) => idsOf(field, field.name)).join(", ");
}

function idsOf(field: Field, name: string): string[] {
  const id = fieldIdOf(field);
  const within = partIds(field);
  if (within === "") return id === undefined ? [] : [`${sqlName(name)}: ${id}`];
  const own = id === undefined ? "" : `__duckdb_field_id: ${id}, `;
  return [`${sqlName(name)}: {${own}${within}}`];
}

function partIds(field: Field): string {
  const type = columnTypeOf(field);
  if (!isNested(type)) return "";
  switch (type.type) {
    case "struct":
      return structIds((field.type as Struct).children);
    case "array":
      return idsOf((field.type as List).children[0] as Field, "element").join(", ");
    case "map": {
      const [key, value] = ((field.type as Map_).children[0] as Field<Struct>).type.children as [Field, Field];
      return [...idsOf(key, "key"), ...idsOf(value, "value")].join(", ");
    }
  }
}
