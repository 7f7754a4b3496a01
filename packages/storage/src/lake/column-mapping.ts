import { type ColumnType, isNested } from "../parquet/column-type.ts";
import type { TableColumn } from "./schema.ts";

/** The keys of "Column Mapping" of the protocol: two in a column's metadata, two among the table's properties. */
export const physicalNameKey = "delta.columnMapping.physicalName";
export const columnIdKey = "delta.columnMapping.id";
export const mappingModeKey = "delta.columnMapping.mode";
export const maxColumnIdKey = "delta.columnMapping.maxColumnId";

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
    return { ...column, metadata, type: withNumbers(column.type, () => (id += 1)) };
  });
  return { columns: mapped, maxColumnId: id };
}

/** The fields within a column are numbered, too; in files they keep their names. */
function withNumbers(type: ColumnType, next: () => number): ColumnType {
  if (!isNested(type)) return type;
  switch (type.type) {
    case "struct": {
      const fields = type.fields.map((field) => {
        const metadata = { ...field.metadata, [columnIdKey]: next(), [physicalNameKey]: field.name };
        return { ...field, metadata, type: withNumbers(field.type, next) };
      });
      return { ...type, fields };
    }
    case "array":
      return { ...type, elementType: withNumbers(type.elementType, next) };
    case "map":
      return { ...type, keyType: withNumbers(type.keyType, next), valueType: withNumbers(type.valueType, next) };
  }
}

/** The path of a field within a column that has another name in files; undefined where there is none. */
export function mappedWithin(name: string, type: ColumnType): string | undefined {
  if (!isNested(type)) return undefined;
  switch (type.type) {
    case "struct":
      for (const field of type.fields) {
        const path = `${name}.${field.name}`;
        const found = physicalName(field) === field.name ? mappedWithin(path, field.type) : path;
        if (found !== undefined) return found;
      }
      return undefined;
    case "array":
      return mappedWithin(`${name}.element`, type.elementType);
    case "map":
      return mappedWithin(`${name}.key`, type.keyType) ?? mappedWithin(`${name}.value`, type.valueType);
  }
}

/** Columns of a table that does not map them (any more): what is left of a mapping has no meaning. */
export function unmapped(columns: readonly TableColumn[]): readonly TableColumn[] {
  if (columns.every((column) => physicalName(column) === column.name)) return columns;
  return columns.map((column) => {
    const { [physicalNameKey]: _name, [columnIdKey]: _id, ...metadata } = column.metadata;
    return { ...column, metadata };
  });
}
