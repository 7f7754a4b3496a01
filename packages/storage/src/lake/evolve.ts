import { type Data, type Field, type RecordBatch, Schema } from "apache-arrow";
import { storageError } from "../errors.ts";
import { arrowField, columnTypeOf } from "../parquet/arrow-type.ts";
import { batchOf, constantData } from "../parquet/batch.ts";
import type { Action, Metadata } from "./actions.ts";
import { isFeedColumn, keepsChanges } from "./change-data.ts";
import { fieldsOf, newColumns, schemaString, type TableColumn } from "./schema.ts";
import type { Definition } from "./state.ts";
import { widened, widens } from "./widen.ts";

/** Columns that a table is to gain, in their order. */
export type Evolution = readonly TableColumn[];

/** The columns of rows that the table does not have: nullable, as its rows have no value for them. */
export function evolved(table: string, definition: Definition | undefined, schema: Schema | undefined): Evolution {
  if (definition === undefined || schema === undefined) return [];
  const known = new Map(definition.columns.map((column) => [column.name.toLowerCase(), column.name]));
  const added = schema.fields.filter((field) => !known.has(field.name.toLowerCase()));
  const twin = schema.fields.find((field) => (known.get(field.name.toLowerCase()) ?? field.name) !== field.name);
  if (twin !== undefined) {
    const problem = `the column "${twin.name}" differs from "${known.get(twin.name.toLowerCase())}" by letter case only`;
    throw storageError("SCHEMA_MISMATCH", { table, problem });
  }
  if (added.length === 0) return [];
  const clash = keepsChanges(definition.configuration) ? added.find(({ name }) => isFeedColumn(name)) : undefined;
  if (clash !== undefined) {
    const problem = `the column "${clash.name}" is new, and the feed of its changes has one of that name of its own`;
    throw storageError("SCHEMA_MISMATCH", { table, problem });
  }
  if (definition.configuration["delta.columnMapping.mode"] !== undefined) {
    const problem = `the column "${added[0]?.name}" is new, and the table maps its columns: add it with alter first`;
    throw storageError("SCHEMA_MISMATCH", { table, problem });
  }
  return newColumns(table, new Schema(added), "always");
}

/** A batch with all columns of the table: narrower values widened, and nulls for nullable columns that it lacks. */
export function fitted(table: string, columns: readonly TableColumn[], batch: RecordBatch): RecordBatch {
  const given = fieldsOf(table, batch);
  const surplus = [...given.keys()].find((name) => !columns.some((column) => column.name === name));
  if (surplus !== undefined) {
    const problem = `the column "${surplus}" was not among those of the first batch`;
    throw storageError("SCHEMA_MISMATCH", { table, problem });
  }
  const parts = columns.flatMap((column): { readonly field: Field; readonly data: Data }[] => {
    const found = given.get(column.name);
    const field = arrowField(column.name, column.type);
    if (found === undefined) {
      // A column that must not be null is missed by name where the batch is arranged.
      return column.nullable ? [{ field, data: constantData(column.type, null, batch.numRows) }] : [];
    }
    const data = batch.data.children[found.index] as Data;
    const type = columnTypeOf(found.field);
    if (!widens(type, column.type)) return [{ field: found.field, data }];
    return [{ field, data: widened(data, type, column.type) }];
  });
  return batchOf(
    new Schema(parts.map(({ field }) => field)),
    parts.map(({ data }) => data),
    batch.numRows,
  );
}

/** The action that gives a table other columns or properties. */
export function metadataAction(
  definition: Pick<Definition, "id" | "columns" | "partitionBy" | "configuration">,
): Pick<Action, "metaData"> & { readonly metaData: Metadata } {
  return {
    metaData: {
      id: definition.id,
      format: { provider: "parquet", options: {} },
      schemaString: schemaString(definition.columns),
      partitionColumns: definition.partitionBy,
      configuration: definition.configuration,
    },
  };
}
