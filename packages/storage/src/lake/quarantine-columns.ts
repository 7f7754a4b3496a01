import { storageError } from "../errors.ts";
import { sameType, typeText } from "../parquet/column-type.ts";
import { widenColumns } from "./alter-columns.ts";
import type { Shape } from "./append-request.ts";
import { isMapped, mappingModeKey } from "./column-mapping.ts";
import type { TableColumn } from "./schema.ts";
import type { Definition } from "./state.ts";
import { widens } from "./widen.ts";

/**
 * What a quarantine becomes for rows of these columns to stand in it: nullable columns more, and wider types. Undefined
 * when it takes them as it is.
 *
 * @throws SCHEMA_MISMATCH where it cannot be made to
 */
export function evolvedQuarantine(table: string, found: Definition, wanted: Shape): Definition | undefined {
  assertFits(table, problemOf(found, wanted));
  const known = new Map(found.columns.map((column) => [column.name, column]));
  const added = wanted.columns.filter(({ name }) => !known.has(name));
  const wider = wanted.columns.filter(({ name, type }) => !sameType(known.get(name)?.type ?? type, type));
  if (added.length === 0 && wider.length === 0) return undefined;
  if (["name", "id"].includes(found.configuration[mappingModeKey] ?? "")) {
    assertFits(table, `it maps its columns, and has to gain "${[...added, ...wider][0]?.name}"`);
  }
  const widenings = wider.map(({ name, type }) => ({ column: name, type }));
  const altered = widenings.length === 0 ? found : { ...found, ...widenColumns(table, found, widenings) };
  return { ...altered, columns: [...altered.columns, ...added] };
}

function assertFits(table: string, problem: string | undefined): void {
  if (problem === undefined) return;
  const remedy = "move this quarantine away, or write with another onViolation";
  throw storageError("SCHEMA_MISMATCH", { table, problem: `${problem}: ${remedy}` });
}

function problemOf({ columns, partitionBy }: Definition, wanted: Shape): string | undefined {
  if (partitionBy.length > 0) return "it is partitioned, as no quarantine is";
  const mapped = columns.find(isMapped);
  if (mapped !== undefined) return `its column "${mapped.name}" is mapped, as none of a quarantine is`;
  const required = columns.find(({ nullable }) => !nullable);
  if (required !== undefined) return `its column "${required.name}" must not be null`;
  for (const column of wanted.columns) {
    const clash = columns.map((own) => clashOf(own, column)).find((found) => found !== undefined);
    if (clash !== undefined) return clash;
  }
  return undefined;
}

function clashOf(own: TableColumn, { name, type }: TableColumn): string | undefined {
  if (own.name.toLowerCase() !== name.toLowerCase()) return undefined;
  if (own.name !== name) return `its column "${own.name}" differs from "${name}" by letter case only`;
  if (sameType(own.type, type) || widens(own.type, type)) return undefined;
  return `its column "${name}" is ${typeText(own.type)}, that of the rows is ${typeText(type)}`;
}
