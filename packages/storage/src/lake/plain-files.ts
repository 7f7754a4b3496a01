import { isNested } from "../parquet/column-type.ts";
import type { AddFile } from "./actions.ts";
import { isMapped, mappingModeKey, typeChangesKey } from "./column-mapping.ts";
import { decodedPath } from "./logical-file.ts";
import { partitionPath } from "./partition.ts";
import type { TableColumn } from "./schema.ts";
import type { Definition, TableState } from "./state.ts";

/** Engines tell the nulls of so many columns, the first, where the table does not say otherwise. */
const indexedColumns = 32;

/**
 * Whether the files are the rows to whoever reads nothing but them: no row of theirs is deleted, and they have the columns of the
 * table, under its names and in its types. Of columns they are believed as far as their statistics tell; those without any are
 * taken to have them all.
 */
export function arePlain({ files }: Pick<TableState, "files">, definition: Definition): boolean {
  const { columns, configuration, partitionBy } = definition;
  // Where columns are mapped, files may have some that were dropped.
  if (["name", "id"].includes(configuration[mappingModeKey] ?? "") || columns.some(isMapped)) return false;
  if (columns.some(({ metadata }) => typeChangesKey in metadata)) return false;
  const told = toldColumns(definition).map(({ name }) => `${JSON.stringify(name)}:`);
  const starts = partitionBy.map((name) => partitionPath([name], { [name]: "" }).slice(0, -1));
  return [...files.values()].every((file) => {
    if (file.deletionVector !== undefined || !namesPartitions(file, starts)) return false;
    const { stats = "" } = file;
    const nulls = stats.indexOf('"nullCount"');
    return nulls < 0 || told.every((name) => stats.includes(name, nulls));
  });
}

/** The columns that every file with statistics tells the nulls of. */
function toldColumns({ columns, partitionBy, configuration }: Definition): readonly TableColumn[] {
  if (Object.keys(configuration).some((key) => key.startsWith("delta.dataSkipping"))) return [];
  const inFiles = columns.filter(({ name }) => !partitionBy.includes(name)).slice(0, indexedColumns);
  const nested = inFiles.findIndex(({ type }) => isNested(type));
  return nested < 0 ? inFiles : inFiles.slice(0, nested);
}

/** Whether the folders of a file tell its partition, each beginning with one of the texts: a path may be any in Delta. */
function namesPartitions({ path }: AddFile, starts: readonly string[]): boolean {
  if (starts.length === 0) return true;
  const folders = decodedPath(path).split("/").slice(0, -1);
  return starts.every((start) => folders.some((folder) => folder.startsWith(start)));
}
