import type { Field, List, Map_, Schema, Struct } from "apache-arrow";
import type { SchemaElement } from "hyparquet";
import { columnTypeOf } from "./arrow-type.ts";
import { type ColumnType, decimalOf, isNested, type NestedType, type PrimitiveType } from "./column-type.ts";
import { fieldIdOf } from "./field-id.ts";

const elements: Record<PrimitiveType, Omit<SchemaElement, "name">> = {
  boolean: { type: "BOOLEAN" },
  byte: { type: "INT32", converted_type: "INT_8" },
  short: { type: "INT32", converted_type: "INT_16" },
  integer: { type: "INT32" },
  long: { type: "INT64" },
  float: { type: "FLOAT" },
  double: { type: "DOUBLE" },
  string: { type: "BYTE_ARRAY", converted_type: "UTF8" },
  binary: { type: "BYTE_ARRAY" },
  date: { type: "INT32", converted_type: "DATE" },
  timestamp: {
    type: "INT64",
    converted_type: "TIMESTAMP_MICROS",
    logical_type: { type: "TIMESTAMP", isAdjustedToUTC: true, unit: "MICROS" },
  },
  timestamp_ntz: { type: "INT64", logical_type: { type: "TIMESTAMP", isAdjustedToUTC: false, unit: "MICROS" } },
};

/** The elements of a file's footer for a schema: lists and maps in their three-level form, all fields optional. */
export function parquetElements(schema: Schema): SchemaElement[] {
  return [
    { name: "schema", num_children: schema.fields.length },
    ...schema.fields.flatMap((field) => elementsOf(field)),
  ];
}

function elementsOf(field: Field, repetition: "OPTIONAL" | "REQUIRED" = "OPTIONAL"): SchemaElement[] {
  const type = columnTypeOf(field);
  const id = fieldIdOf(field);
  const named = {
    name: field.name,
    repetition_type: repetition,
    ...(id === undefined ? {} : { field_id: id }),
  };
  return isNested(type) ? group(type, field, named) : [{ ...named, ...leaf(type) }];
}

function group(type: NestedType, { type: arrow }: Field, named: SchemaElement): SchemaElement[] {
  switch (type.type) {
    case "struct": {
      const { children } = arrow as Struct;
      return [{ ...named, num_children: children.length }, ...children.flatMap((child) => elementsOf(child))];
    }
    case "array": {
      const element = (arrow as List).children[0] as Field;
      return [
        { ...named, num_children: 1, converted_type: "LIST", logical_type: { type: "LIST" } },
        { name: "list", repetition_type: "REPEATED", num_children: 1 },
        ...elementsOf(element.clone({ name: "element" })),
      ];
    }
    case "map": {
      const [key, value] = ((arrow as Map_).children[0] as Field<Struct>).type.children as [Field, Field];
      return [
        { ...named, num_children: 1, converted_type: "MAP", logical_type: { type: "MAP" } },
        { name: "key_value", repetition_type: "REPEATED", num_children: 2 },
        ...elementsOf(key.clone({ name: "key" }), "REQUIRED"),
        ...elementsOf(value.clone({ name: "value" })),
      ];
    }
  }
}

function leaf(type: Exclude<ColumnType, NestedType>): Omit<SchemaElement, "name"> {
  const decimal = decimalOf(type);
  if (decimal === undefined) return elements[type as PrimitiveType];
  const annotation = {
    ...decimal,
    converted_type: "DECIMAL",
    logical_type: { type: "DECIMAL", ...decimal },
  } as const;
  if (decimal.precision <= 9) return { type: "INT32", ...annotation };
  if (decimal.precision <= 18) return { type: "INT64", ...annotation };
  return { type: "FIXED_LEN_BYTE_ARRAY", type_length: 16, ...annotation };
}
