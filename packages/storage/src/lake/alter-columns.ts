import { Schema, type Field } from "apache-arrow";
import { storageError } from "../errors.ts";
import { type ColumnType, sameType, typeText } from "../parquet/column-type.ts";
import { nameProblem } from "./column-name.ts";
import { mapColumns, mappingModeKey, maxColumnIdKey, typeChangesKey } from "./column-mapping.ts";
import { expectationOf, renamedExpectations } from "./kept-expectations.ts";
import { columnsFromArrow, type TableColumn } from "./schema.ts";
import type { Definition } from "./state.ts";
import { widens } from "./widen.ts";

/** The part of a table that can be altered. */
export type AlteredTable = Pick<Definition, "columns" | "partitionBy" | "configuration">;

/** Turns on column mapping by name: columns keep the names that the files have. */
export function enableMapping(table: AlteredTable): AlteredTable {
  const { configuration } = table;
  const mapped = mapColumns(table.columns, maxIdOf(table), (column) => column.name);
  const properties = { [mappingModeKey]: "name", [maxColumnIdKey]: String(mapped.maxColumnId) };
  return { ...table, columns: mapped.columns, configuration: { ...configuration, ...properties } };
}

const maxIdOf = ({ configuration }: AlteredTable): number => Number(configuration[maxColumnIdKey] ?? 0);
const isMapped = ({ configuration }: AlteredTable): boolean => configuration[mappingModeKey] === "name";

/** @throws ALTER_INVALID, TYPE_UNSUPPORTED */
export function addColumns(table: string, altered: AlteredTable, fields: readonly Field[]): AlteredTable {
  if (fields.length === 0) throw invalid(table, "no column is to be added");
  const added = columnsFromArrow(table, new Schema([...fields]), "as given");
  for (const [index, column] of added.entries()) {
    if (!column.nullable)
      throw invalid(table, `the new column "${column.name}" must be nullable: there are rows without it`);
    assertName(table, { ...altered, columns: [...altered.columns, ...added.slice(0, index)] }, column);
  }
  if (!isMapped(altered)) return { ...altered, columns: [...altered.columns, ...added] };
  // A name of its own: a column of the same display name may have been dropped, and its values are still in the files.
  const mapped = mapColumns(added, maxIdOf(altered), () => `col-${crypto.randomUUID()}`);
  const configuration = { ...altered.configuration, [maxColumnIdKey]: String(mapped.maxColumnId) };
  return { ...altered, columns: [...altered.columns, ...mapped.columns], configuration };
}

/** @throws ALTER_INVALID, COLUMN_UNKNOWN */
export function renameColumns(
  table: string,
  altered: AlteredTable,
  renames: readonly { readonly from: string; readonly to: string }[],
): AlteredTable {
  let next = isMapped(altered) ? altered : enableMapping(altered);
  for (const { from, to } of renames) {
    const renamed = { ...columnOf(next, from), name: to };
    assertName(table, { ...next, columns: next.columns.filter((column) => column.name !== from) }, renamed);
    next = {
      ...next,
      columns: next.columns.map((column) => (column.name === from ? renamed : column)),
      partitionBy: next.partitionBy.map((name) => (name === from ? to : name)),
      configuration: renamedExpectations(next.configuration, from, to),
    };
  }
  return next;
}

/** @throws ALTER_INVALID, COLUMN_UNKNOWN */
export function dropColumns(table: string, altered: AlteredTable, names: readonly string[]): AlteredTable {
  for (const name of names) {
    columnOf(altered, name);
    if (altered.partitionBy.includes(name)) throw invalid(table, `"${name}" is a partition column`);
    const about = expectationOf(altered.configuration, name);
    if (about !== undefined) throw invalid(table, `the table expects ${about.name}, which is about "${name}"`);
  }
  const mapped = isMapped(altered) ? altered : enableMapping(altered);
  const columns = mapped.columns.filter((column) => !names.includes(column.name));
  if (columns.every((column) => altered.partitionBy.includes(column.name)))
    throw invalid(table, "no column would be left");
  return { ...mapped, columns };
}

/** @throws ALTER_INVALID, COLUMN_UNKNOWN */
export function widenColumns(
  table: string,
  altered: AlteredTable,
  widenings: readonly { readonly column: string; readonly type: ColumnType }[],
): AlteredTable {
  let { columns } = altered;
  for (const { column: name, type } of widenings) {
    const column = columnOf({ ...altered, columns }, name);
    const change = `"${name}" from ${typeText(column.type)} to ${typeText(type)}`;
    if (sameType(column.type, type)) throw invalid(table, `${change} is no change`);
    if (!widens(column.type, type)) throw invalid(table, `${change} would not keep every value`);
    if (altered.partitionBy.includes(name) && !["short", "integer", "long"].includes(typeText(type))) {
      throw invalid(table, `${change}, as it is a partition column, whose values stand in the log as text`);
    }
    columns = columns.map((other) => (other === column ? widenedColumn(column, type) : other));
  }
  return { ...altered, columns, configuration: { ...altered.configuration, "delta.enableTypeWidening": "true" } };
}

/** "Type Change Metadata" of the protocol. */
function widenedColumn(column: TableColumn, type: ColumnType): TableColumn {
  const earlier = column.metadata[typeChangesKey];
  const change = { fromType: typeText(column.type), toType: typeText(type) };
  const changes = [...(Array.isArray(earlier) ? (earlier as readonly unknown[]) : []), change];
  return { ...column, type, metadata: { ...column.metadata, [typeChangesKey]: changes } };
}

/** @throws COLUMN_UNKNOWN */
export function loosenColumns(altered: AlteredTable, names: readonly string[]): AlteredTable {
  for (const name of names) columnOf(altered, name);
  const columns = altered.columns.map((column) =>
    names.includes(column.name) ? { ...column, nullable: true } : column,
  );
  return { ...altered, columns };
}

function columnOf({ columns }: AlteredTable, name: string): TableColumn {
  const column = columns.find((candidate) => candidate.name === name);
  if (column !== undefined) return column;
  throw storageError("COLUMN_UNKNOWN", { column: name, known: columns.map((known) => known.name) });
}

function assertName(table: string, altered: AlteredTable, column: TableColumn): void {
  const { name } = column;
  const twin = altered.columns.find((other) => other.name.toLowerCase() === name.toLowerCase());
  if (twin !== undefined) throw invalid(table, `there is a column "${twin.name}" (letter case does not count)`);
  if (name === "") throw invalid(table, "a column has no name");
  const problem = nameProblem(column, isMapped(altered));
  if (problem !== undefined) throw invalid(table, problem);
}

const invalid = (table: string, problem: string): Error => storageError("ALTER_INVALID", { table, problem });
