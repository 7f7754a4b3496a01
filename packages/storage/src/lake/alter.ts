import type { Field } from "apache-arrow";
import { storageError } from "../errors.ts";
import type { Expectation, Severity } from "../expect/expectation.ts";
import type { ColumnType } from "../parquet/column-type.ts";
import {
  type AlteredTable,
  addColumns,
  dropColumns,
  loosenColumns,
  renameColumns,
  widenColumns,
} from "./alter-columns.ts";
import { declareExpectations } from "./kept-expectations.ts";
import { setProperties } from "./alter-properties.ts";
import { isFeedColumn, keepsChanges } from "./change-data.ts";
import { commit, type Operation } from "./commit.ts";
import { assertWritable } from "./protocol.ts";
import { schemaString } from "./schema.ts";
import type { LakeContext } from "./stage.ts";
import { definitionOf } from "./state.ts";

/** What is to be different about a table, all of it or nothing. No data file is written again. */
export interface TableChanges {
  /** Columns to add, at the end: nullable ones, as the rows that are there have no value for them. */
  readonly add?: readonly Field[];
  /** Turns on column mapping, which takes reader version 2. */
  readonly rename?: Rename | readonly Rename[];
  /** Columns to drop. Turns on column mapping; the values stay in the files that are there. */
  readonly drop?: string | readonly string[];
  /** A wider type: byte to short to integer to long, float to double, a decimal with more digits, date to timestamp_ntz. */
  readonly widen?: Widening | readonly Widening[];
  /** Columns that may be null from here on. */
  readonly nullable?: string | readonly string[];
  /** Table properties; null takes one away. */
  readonly properties?: Readonly<Record<string, string | number | boolean | null>>;
  /**
   * What the table is to expect of every write, by whichever table object: instead of what it expected before. Those
   * with code of their own it cannot keep. Rows that are there are not held to it.
   */
  readonly expect?: readonly Expectation[];
  /** What becomes of violations where an expectation does not say; takes `expect`. @default that of the write */
  readonly onViolation?: Severity;
}

export interface Rename {
  readonly from: string;
  readonly to: string;
}

export interface Widening {
  readonly column: string;
  readonly type: ColumnType;
}

export interface AlterOptions {
  readonly signal?: AbortSignal;
}

/** Changes columns and properties of a table. See `LakeTable.alter`. */
export async function alter(
  context: LakeContext,
  table: string,
  changes: TableChanges,
  { signal }: AlterOptions = {},
): Promise<{ readonly version: number }> {
  const { log, state } = await context.states.read(table, signal ? { signal } : {});
  const { definition, metadata, protocol } = state;
  if (definition === undefined || metadata === undefined || protocol === undefined) {
    throw storageError("TABLE_NOT_FOUND", { table });
  }
  assertWritable(table, protocol, definition);
  const altered = alteredBy(table, definition, changes);
  const metaData = {
    ...metadata,
    schemaString: schemaString(altered.columns),
    partitionColumns: altered.partitionBy,
    configuration: altered.configuration,
  };
  definitionOf(metaData, "the altered table");
  const committed = await commit(context, log, state, {
    operation: operationOf(changes),
    parameters: parametersOf(changes),
    actions: [{ metaData }],
    read: "definition",
    dataChange: false,
    now: context.clock.now(),
    ...(signal ? { signal } : {}),
  });
  // Without a transaction nothing is repeated.
  return committed === "repeated" ? { version: state.version } : committed;
}

function alteredBy(table: string, definition: AlteredTable, changes: TableChanges): AlteredTable {
  let altered: AlteredTable = definition;
  const { add, rename, drop, widen, nullable, properties, expect, onViolation } = changes;
  if (expect === undefined && onViolation !== undefined) {
    throw storageError("ALTER_INVALID", { table, problem: "onViolation is given without expect" });
  }
  if (properties !== undefined) altered = setProperties(table, altered, properties);
  if (rename !== undefined) altered = renameColumns(table, altered, listOf(rename));
  if (drop !== undefined) altered = dropColumns(table, altered, listOf(drop));
  if (widen !== undefined) altered = widenColumns(table, altered, listOf(widen));
  if (nullable !== undefined) altered = loosenColumns(altered, listOf(nullable));
  if (add !== undefined) altered = addColumns(table, altered, add);
  if (expect !== undefined) {
    const declared = { expect, ...(onViolation === undefined ? {} : { onViolation }) };
    const columns = new Set(altered.columns.map((column) => column.name));
    altered = { ...altered, configuration: declareExpectations(table, altered.configuration, columns, declared) };
  }
  const clash = keepsChanges(altered.configuration)
    ? altered.columns.find(({ name }) => isFeedColumn(name))
    : undefined;
  if (clash !== undefined) {
    const problem = `its changes cannot be kept while it has the column "${clash.name}", which the feed has of its own`;
    throw storageError("ALTER_INVALID", { table, problem });
  }
  if (altered !== definition) return altered;
  throw storageError("ALTER_INVALID", { table, problem: "nothing is to be changed" });
}

function listOf<Item extends string | object>(given: Item | readonly Item[]): readonly Item[] {
  return Array.isArray(given) ? (given as readonly Item[]) : [given as Item];
}

/** The first of what is changed names the version in the history. */
function operationOf({ add, rename, drop, widen, nullable }: TableChanges): Operation {
  if (rename !== undefined) return "RENAME COLUMN";
  if (drop !== undefined) return "DROP COLUMNS";
  if (widen !== undefined || nullable !== undefined) return "CHANGE COLUMN";
  return add === undefined ? "SET TBLPROPERTIES" : "ADD COLUMNS";
}

function parametersOf({ add, expect, ...changes }: TableChanges): Record<string, string> {
  const all = {
    ...changes,
    ...(add === undefined ? {} : { add: add.map((field) => field.name) }),
    ...(expect === undefined ? {} : { expect: expect.map(({ name }) => name) }),
  };
  return Object.fromEntries(Object.entries(all).map(([name, value]) => [name, JSON.stringify(value)]));
}
