import { Field, type RecordBatch, Schema } from "apache-arrow";
import { storageError } from "../errors.ts";
import { arrowField, columnTypeOf } from "../parquet/arrow-type.ts";
import { batchOf } from "../parquet/batch.ts";
import { type ColumnType, type StructField, typesWithin, typeText } from "../parquet/column-type.ts";
import { withoutPast } from "./column-mapping.ts";
import { nameProblem } from "./column-name.ts";
import { fitsColumn, forbiddenNull, inUtc, isRecord, mapType, parseFields } from "./schema-type.ts";

export { isRecord } from "./schema-type.ts";

/** A column of a table, as it stands in Delta's schema. */
export type TableColumn = StructField;

/**
 * The columns of a new table. What rows show to be nullable or not is chance, and so is a timestamp without a zone, which
 * is taken as UTC: only a given schema is taken at its word.
 */
export function columnsFromArrow(table: string, schema: Schema, given: "as given" | "always"): TableColumn[] {
  const seen = new Set<string>();
  if (schema.fields.length === 0) throw mismatch(table, "there is no column");
  return schema.fields.map((field) => {
    const folded = field.name.toLowerCase();
    if (folded === "") throw mismatch(table, "a column has no name");
    if (seen.has(folded)) throw mismatch(table, `the column "${field.name}" comes twice (letter case does not count)`);
    seen.add(folded);
    const { metadata, type } = withoutPast({
      name: field.name,
      type: columnTypeOf(field),
      nullable: field.nullable,
      metadata: Object.fromEntries(field.metadata),
    });
    if (given === "as given") return { name: field.name, type, nullable: field.nullable, metadata };
    return {
      name: field.name,
      type: mapType(
        inUtc(type),
        (leaf) => leaf,
        () => true,
      ),
      nullable: true,
      metadata,
    };
  });
}

/** The columns that rows bring to a table which does not map its columns. @throws SCHEMA_MISMATCH, TYPE_UNSUPPORTED */
export function newColumns(table: string, schema: Schema, given: "as given" | "always"): TableColumn[] {
  const columns = columnsFromArrow(table, schema, given);
  for (const column of columns) {
    const problem = nameProblem(column, false);
    if (problem !== undefined) throw mismatch(table, problem);
  }
  return columns;
}

/** The table features that columns need beyond reader version 1 and writer version 2: "Table Features" of the protocol. */
export function featuresOfColumns(columns: readonly TableColumn[]): string[] {
  const naive = columns.some(({ type }) => [...typesWithin(type)].includes("timestamp_ntz"));
  return naive ? ["timestampNtz"] : [];
}

export function arrowOf(columns: readonly TableColumn[]): Schema {
  return new Schema(columns.map(({ name, type, nullable, metadata }) => arrowField(name, type, nullable, metadata)));
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
  return parseFields(parsed["fields"]);
}

/** The fields of a batch by their names. @throws SCHEMA_MISMATCH where two have one name */
export function fieldsOf(
  table: string,
  { schema }: RecordBatch,
): ReadonlyMap<string, { readonly field: Field; readonly index: number }> {
  const fields = new Map(schema.fields.map((field, index) => [field.name, { field, index }]));
  if (fields.size === schema.fields.length) return fields;
  const twice = schema.fields.find(({ name }, index) => fields.get(name)?.index !== index);
  throw mismatch(table, `the column "${twice?.name}" comes twice`);
}

/** The batch with the table's columns in the table's order. @throws SCHEMA_MISMATCH */
export function arrange(table: string, columns: readonly TableColumn[], batch: RecordBatch): RecordBatch {
  const given = fieldsOf(table, batch);
  const surplus = [...given.keys()].filter((name) => !columns.some((column) => column.name === name));
  if (surplus.length > 0) throw mismatch(table, `it has no column ${surplus.map((name) => `"${name}"`).join(", ")}`);
  const picked = columns.map((column) => {
    const found = given.get(column.name);
    if (found === undefined) throw mismatch(table, `the column "${column.name}" is missing`);
    const type = columnTypeOf(found.field);
    if (!fitsColumn(type, column.type)) {
      const [expected, got] = [typeText(column.type), typeText(type)];
      throw mismatch(table, `the column "${column.name}" is ${expected}, the rows have ${got}`);
    }
    const data = batch.data.children[found.index];
    if (data === undefined) throw mismatch(table, `the column "${column.name}" has no values`);
    const wrong = forbiddenNull(column.name, column.type, column.nullable, data);
    if (wrong !== undefined) throw mismatch(table, `the column "${wrong}" must not be null`);
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
