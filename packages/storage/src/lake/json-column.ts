import { Field, type RecordBatch, Utf8 } from "apache-arrow";
import { storageError } from "../errors.ts";
import type { ValueExpectation } from "../expect/expectation.ts";
import { isJson } from "../expect/value.ts";
import { columnsOf } from "../parquet/column.ts";
import { type Json, parseJson } from "../parquet/json-text.ts";
import type { TableColumn } from "./schema.ts";

/** Arrow's canonical extension type for JSON texts; Delta keeps it in the metadata of a string column. */
const marker = { "ARROW:extension:name": "arrow.json", "ARROW:extension:metadata": "" } as const;
const markerKey = "ARROW:extension:name";

/**
 * A column of JSON texts, for the schema of a new table or for `alter`. Other engines read it as the string column it is, and
 * those that know `arrow.json` as JSON. Writes that hold a text which is not JSON are refused, or quarantined.
 */
export function jsonField(name: string, { nullable = true }: { readonly nullable?: boolean } = {}): Field<Utf8> {
  return new Field(name, new Utf8(), nullable, new Map(Object.entries(marker)));
}

export function isJsonColumn({ type, metadata }: Pick<TableColumn, "type" | "metadata">): boolean {
  return type === "string" && metadata[markerKey] === marker[markerKey];
}

/** What the JSON columns of a table expect of every write: it is never merely warned of. */
export function jsonExpectations(
  columns: readonly TableColumn[],
  onViolation: "fail" | "quarantine" | "warn",
): ValueExpectation[] {
  const severity = onViolation === "quarantine" ? "quarantine" : "fail";
  return columns.filter(isJsonColumn).map(({ name }) => isJson(name, { severity }));
}

/** @throws UPDATE_INVALID at the first text that is not JSON */
export function assertJson(table: string, columns: readonly TableColumn[], batch: RecordBatch): void {
  const wanted = new Map(columns.filter(isJsonColumn).map((column) => [column.name, column]));
  if (wanted.size === 0) return;
  for (const column of columnsOf(batch)) {
    const definition = wanted.get(column.name);
    if (definition === undefined) continue;
    for (let row = 0; row < batch.numRows; row++) assertJsonText(table, definition, column.get(row));
  }
}

/** @throws UPDATE_INVALID for a text that is not JSON; a null is for others to judge */
export function assertJsonText(table: string, column: TableColumn, value: unknown): void {
  if (typeof value !== "string" || !isJsonColumn(column)) return;
  try {
    JSON.parse(value);
  } catch (error) {
    const shown = JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}...` : value);
    const type = `JSON (${(error as Error).message})`;
    throw storageError("UPDATE_INVALID", { table, column: column.name, type, value: shown });
  }
}

/**
 * The values of a JSON column, row after row, parsed: null for a null as for the text `null`. Whole numbers beyond 2^53 are
 * `bigint`. @throws COLUMN_UNKNOWN; SyntaxError for a text that another engine wrote and that is not JSON
 */
export function* jsonValues(batch: RecordBatch, name: string): Generator<Json> {
  const columns = columnsOf(batch);
  const column = columns.find((candidate) => candidate.name === name);
  if (column === undefined) {
    throw storageError("COLUMN_UNKNOWN", { column: name, known: columns.map((known) => known.name) });
  }
  for (let row = 0; row < batch.numRows; row++) {
    const text = column.get(row);
    yield typeof text === "string" ? parseJson(text) : null;
  }
}
