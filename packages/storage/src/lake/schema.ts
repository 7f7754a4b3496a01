import { Field, type RecordBatch, Schema } from "apache-arrow";
import { storageError } from "../errors.ts";
import { batchOf } from "../parquet/batch.ts";
import { arrowField, columnTypeOf, type ColumnType } from "../parquet/column-type.ts";

/** A column of a table. Timestamps are always UTC: a naive one that is appended is taken as UTC. */
export interface TableColumn {
  readonly name: string;
  readonly type: Exclude<ColumnType, "timestamp_ntz">;
  readonly nullable: boolean;
  readonly metadata: Readonly<Record<string, unknown>>;
}

const types: readonly string[] = [
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
] satisfies TableColumn["type"][];

/** The columns of a new table. What rows show to be nullable or not is chance: only a given schema is taken at its word. */
export function columnsFromArrow(table: string, schema: Schema, nullable: "as given" | "always"): TableColumn[] {
  const seen = new Set<string>();
  if (schema.fields.length === 0) throw mismatch(table, "there is no column");
  return schema.fields.map((field) => {
    const folded = field.name.toLowerCase();
    if (seen.has(folded)) throw mismatch(table, `the column "${field.name}" comes twice (letter case does not count)`);
    seen.add(folded);
    const type = tableType(field);
    return { name: field.name, type, nullable: nullable === "always" || field.nullable, metadata: {} };
  });
}

function tableType(field: Field): TableColumn["type"] {
  const type = columnTypeOf(field);
  return type === "timestamp_ntz" ? "timestamp" : type;
}

export function arrowOf(columns: readonly TableColumn[]): Schema {
  return new Schema(columns.map(({ name, type, nullable }) => arrowField(name, type, nullable)));
}

export function typesByName(columns: readonly TableColumn[]): Map<string, ColumnType> {
  return new Map(columns.map(({ name, type }) => [name, type]));
}

/** The schema as Delta writes it: "Schema Serialization Format" of the protocol. */
export function schemaString(columns: readonly TableColumn[]): string {
  return JSON.stringify({ type: "struct", fields: columns });
}

/** Undefined when the text is no schema. @throws TYPE_UNSUPPORTED */
export function parseSchemaString(text: string): TableColumn[] | undefined {
  const parsed: unknown = JSON.parse(text);
  if (!isRecord(parsed) || !Array.isArray(parsed["fields"])) return undefined;
  return parsed["fields"].map((field: unknown) => {
    if (!isRecord(field) || typeof field["name"] !== "string") throw new TypeError("a field has no name");
    const { name, type, nullable, metadata } = field;
    if (typeof type !== "string" || !types.includes(type)) {
      const shown = typeof type === "string" ? type : JSON.stringify(type);
      const remedy = "Read the table with another engine, or rewrite it without this column.";
      throw storageError("TYPE_UNSUPPORTED", { column: name, type: shown, by: "a lake table", remedy });
    }
    const own = isRecord(metadata) ? metadata : {};
    return { name, type: type as TableColumn["type"], nullable: nullable !== false, metadata: own };
  });
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The batch with the table's columns in the table's order. @throws SCHEMA_MISMATCH */
export function arrange(table: string, columns: readonly TableColumn[], batch: RecordBatch): RecordBatch {
  const given = new Map(batch.schema.fields.map((field, index) => [field.name, { field, index }]));
  const surplus = [...given.keys()].filter((name) => !columns.some((column) => column.name === name));
  if (surplus.length > 0) throw mismatch(table, `it has no column ${surplus.map((name) => `"${name}"`).join(", ")}`);
  const picked = columns.map((column) => {
    const found = given.get(column.name);
    if (found === undefined) throw mismatch(table, `the column "${column.name}" is missing`);
    const type = tableType(found.field);
    if (type !== column.type)
      throw mismatch(table, `the column "${column.name}" is ${column.type}, the rows have ${type}`);
    const data = batch.data.children[found.index];
    if (data === undefined) throw mismatch(table, `the column "${column.name}" has no values`);
    if (!column.nullable && data.nullCount > 0) throw mismatch(table, `the column "${column.name}" must not be null`);
    return { data, field: new Field(column.name, data.type, true) };
  });
  return batchOf(
    new Schema(picked.map(({ field }) => field)),
    picked.map(({ data }) => data),
    batch.numRows,
  );
}

function mismatch(table: string, problem: string): Error {
  return storageError("SCHEMA_MISMATCH", { table, problem });
}
