import type { Schema } from "apache-arrow";
import { columnTypeOf } from "../parquet/arrow-type.ts";
import { type ColumnType, isNested, sameType, typeText } from "../parquet/column-type.ts";
import type { TableColumn } from "./schema.ts";
import { widens } from "./widen.ts";

/** A column, a field, or what a list or map holds. */
interface Part {
  readonly type: ColumnType;
  readonly nullable: boolean;
}

/**
 * In what a declared schema and the columns of a table disagree; undefined when rows as declared have a place in it. The
 * table may be wider than was declared, as `alter` makes it: by its type, or by nulls; a naive timestamp may be one of UTC.
 *
 * @throws TYPE_UNSUPPORTED for a declared type that no column has
 */
export function declarationProblem(schema: Schema, columns: readonly TableColumn[]): string | undefined {
  const names = columns.map(({ name }) => name);
  const given = schema.fields.map(({ name }) => name);
  if (given.length !== names.length || given.some((name, index) => name !== names[index])) {
    return `it exists, with the columns ${names.join(", ")}`;
  }
  for (const [index, column] of columns.entries()) {
    const field = schema.fields[index];
    if (field === undefined) continue;
    const declared = { type: columnTypeOf(field), nullable: field.nullable };
    const found = disagreement(column.name, declared, column);
    if (found !== undefined) return found;
  }
  return undefined;
}

function disagreement(path: string, declared: Part, table: Part): string | undefined {
  const remedy = "declare what the table has, or open it without a schema";
  const [said, has] = [typeText(declared.type), typeText(table.type)];
  const parts = partsOf(path, declared.type, table.type);
  if (parts === undefined && !isWithin(declared.type, table.type)) {
    return `it exists, and its column "${path}" is ${has}, not ${said} as declared: ${remedy}`;
  }
  if (declared.nullable && !table.nullable) {
    return `it exists, and its column "${path}" is ${has} and never null, but declared as ${said} that may be null: ${remedy}`;
  }
  return parts?.map((part) => disagreement(...part)).find((problem) => problem !== undefined);
}

const isWithin = (declared: ColumnType, table: ColumnType): boolean =>
  sameType(declared, table) || widens(declared, table) || (declared === "timestamp_ntz" && table === "timestamp");

type Pair = readonly [path: string, declared: Part, table: Part];

/** What two nested types have within them, by pairs; undefined where they are not built alike. */
function partsOf(path: string, declared: ColumnType, table: ColumnType): readonly Pair[] | undefined {
  if (!isNested(declared) || !isNested(table)) return undefined;
  if (declared.type === "struct" && table.type === "struct") {
    const others = table.fields;
    const alike =
      declared.fields.length === others.length && declared.fields.every((f, i) => f.name === others[i]?.name);
    return alike ? declared.fields.map((field, i) => [`${path}.${field.name}`, field, others[i] ?? field]) : undefined;
  }
  if (declared.type === "array" && table.type === "array") {
    const within = { type: declared.elementType, nullable: declared.containsNull };
    return [[`${path}.element`, within, { type: table.elementType, nullable: table.containsNull }]];
  }
  if (declared.type !== "map" || table.type !== "map") return undefined;
  const value = { type: declared.valueType, nullable: declared.valueContainsNull };
  const key = (type: ColumnType): Part => ({ type, nullable: false });
  return [
    [`${path}.key`, key(declared.keyType), key(table.keyType)],
    [`${path}.value`, value, { type: table.valueType, nullable: table.valueContainsNull }],
  ];
}
