import type { TableColumn } from "./schema.ts";

/** The keys of "Column Mapping" of the protocol, in a column's metadata. */
export const physicalNameKey = "delta.columnMapping.physicalName";
export const columnIdKey = "delta.columnMapping.id";

/** The name under which a column stands in data files, partition values and statistics. */
export function physicalName(column: Pick<TableColumn, "name" | "metadata">): string {
  const mapped = column.metadata[physicalNameKey];
  return typeof mapped === "string" ? mapped : column.name;
}
