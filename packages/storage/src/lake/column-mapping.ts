import { type ColumnType, isNested, type StructField, type StructType, typesWithin } from "../parquet/column-type.ts";
import { mapFields } from "./schema-type.ts";
import type { TableColumn } from "./schema.ts";

/** The keys of "Column Mapping" of the protocol: two in a column's metadata, two among the table's properties. */
export const physicalNameKey = "delta.columnMapping.physicalName";
export const columnIdKey = "delta.columnMapping.id";
export const mappingModeKey = "delta.columnMapping.mode";
export const maxColumnIdKey = "delta.columnMapping.maxColumnId";
/** In a column's metadata: "Type Widening" of the protocol. */
export const typeChangesKey = "delta.typeChanges";

/** The name under which a column stands in data files, partition values and statistics. */
export function physicalName(column: Pick<TableColumn, "name" | "metadata">): string {
  const mapped = column.metadata[physicalNameKey];
  return typeof mapped === "string" ? mapped : column.name;
}

export interface Mapped {
  readonly columns: readonly TableColumn[];
  readonly maxColumnId: number;
}

/** Gives every column that has none a number and a physical name: its own, for columns that have data already. */
export function mapColumns(
  columns: readonly TableColumn[],
  maxColumnId: number,
  nameOf: (column: TableColumn) => string,
): Mapped {
  let id = maxColumnId;
  const mapped = columns.map((column): TableColumn => {
    if (columnIdKey in column.metadata) return column;
    id += 1;
    const metadata = { ...column.metadata, [columnIdKey]: id, [physicalNameKey]: nameOf(column) };
    return { ...column, metadata, type: withNumbers(column.type, () => (id += 1), nameOf) };
  });
  return { columns: mapped, maxColumnId: id };
}

/** The fields within a column are numbered and named, too. */
function withNumbers(type: ColumnType, next: () => number, nameOf: (field: StructField) => string): ColumnType {
  return mapFields(type, (field) => {
    const metadata = { ...field.metadata, [columnIdKey]: next(), [physicalNameKey]: nameOf(field) };
    return { ...field, metadata };
  });
}

/** Whether a column, or a field within it, has another name in files. */
export function isMapped(column: Pick<TableColumn, "name" | "type" | "metadata">): boolean {
  return physicalName(column) !== column.name || structsWithin(column.type).some(({ fields }) => fields.some(isMapped));
}

/**
 * A column without what another table has noted of it: its name in that table's files, its number, and the types that it had. With
 * those a table made by the schema of another could not find its own values.
 */
export function withoutPast(column: TableColumn): TableColumn {
  const kept = Object.entries(column.metadata).filter(
    ([key]) => key !== typeChangesKey && !key.startsWith("delta.columnMapping."),
  );
  return { ...column, type: mapFields(column.type, withoutPast), metadata: Object.fromEntries(kept) };
}

const structsWithin = (type: ColumnType): StructType[] =>
  [...typesWithin(type)].filter((part): part is StructType => isNested(part) && part.type === "struct");

/** Columns of a table that does not map them (any more): what is left of a mapping has no meaning. */
export function unmapped(columns: readonly TableColumn[]): readonly TableColumn[] {
  return columns.some(isMapped) ? columns.map(withoutMapping) : columns;
}

function withoutMapping(column: TableColumn): TableColumn {
  const { [physicalNameKey]: _name, [columnIdKey]: _id, ...metadata } = column.metadata;
  return { ...column, type: mapFields(column.type, withoutMapping), metadata };
}
