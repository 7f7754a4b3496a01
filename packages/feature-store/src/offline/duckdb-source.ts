import type { FeatureView } from "../define/feature-view.ts";
import { featureStoreError } from "../errors.ts";
import type { TableSource } from "../source/table-source.ts";
import { type Kind, storedName } from "./duckdb-columns.ts";
import type { Session } from "./duckdb-database.ts";
import { countRows, type DuckdbConnection, memoryBytes } from "./duckdb-library.ts";
import { assertTimes, type DuckdbTable, type RawRelation, rawRelation } from "./duckdb-table.ts";
import type { EngineOptions } from "./port.ts";

/** The columns of a source in DuckDB, and `"#code"`: the number of the key of each row, null where a part of it is. */
export interface SourceTable extends DuckdbTable {
  /** The keys `k0, k1, ...` and their `code`. */
  readonly keys: string;
}

/** Which columns of a source a view is made of. */
export interface SourceColumns {
  readonly keys: readonly string[];
  readonly others: readonly string[];
}

export const sourceColumns = (view: FeatureView, inputs: readonly string[]): SourceColumns => ({
  keys: view.keys.map(({ column }) => column),
  others: [...new Set([view.eventTime, ...(view.knownAt === undefined ? [] : [view.knownAt]), ...inputs])],
});

/**
 * Loads a source for a view: compressed on disk where it is larger than half of the memory.
 *
 * @param earlier keys that have numbers already
 * @throws COLUMN_MISSING, COLUMN_TYPE_MISMATCH, TIMESTAMP_NAIVE, TIMESTAMP_INVALID
 */
export async function loadSource(
  session: Session,
  name: string,
  view: FeatureView,
  source: TableSource,
  columns: SourceColumns,
  options: EngineOptions & { readonly earlier?: string },
): Promise<SourceTable> {
  const { connection } = session;
  const raw = await rawRelation(
    connection,
    `${name}_raw`,
    source,
    [...new Set(Object.values(columns).flat())],
    options,
  );
  const { kinds, rows } = raw;
  for (const { column, type } of view.keys) assertKind({ name, rows, kinds }, column, type, view.source.name);
  assertTimeKinds(view, { name, rows, kinds });
  const large = rows * 8 * (2 + columns.others.length) > (await memoryBytes(connection)) / 2;
  const table = large ? await session.largeTable() : name;
  const keys = `${name}_keys`;
  await numberKeys(connection, keys, raw, columns.keys, options.earlier);
  const others = columns.others.map((column) => `, ${raw.values.get(column)} AS ${storedName(column)}`).join("");
  const match = columns.keys.map((column, i) => `${raw.values.get(column)} = keys.k${i}`).join(" AND ");
  await connection.run(`CREATE ${large ? "" : "TEMP "}TABLE ${table} AS
    SELECT ${raw.number} AS "#", keys.code AS "#code"${others} FROM ${raw.from} AS raw LEFT JOIN ${keys} AS keys ON ${match}`);
  if (raw.from === `${name}_raw`) await connection.run(`DROP TABLE ${raw.from}`);
  const stored = new Map([...kinds].filter(([column]) => columns.others.includes(column)));
  await assertTimes(connection, table, stored, source.name);
  return { name: table, rows, kinds: stored, keys };
}

async function numberKeys(
  connection: DuckdbConnection,
  table: string,
  { from, values }: RawRelation,
  keys: readonly string[],
  earlier: string | undefined,
): Promise<void> {
  const names = keys.map((_, i) => `k${i}`).join(", ");
  const parts = keys.map((column, i) => `${values.get(column)} AS k${i}`).join(", ");
  const present = keys.map((column) => `${values.get(column)} IS NOT NULL`).join(" AND ");
  const found = `SELECT DISTINCT ${parts} FROM ${from} AS raw WHERE ${present}`;
  const number = "row_number() OVER () - 1";
  if (earlier === undefined) {
    await connection.run(`CREATE TEMP TABLE ${table} AS SELECT (${number})::INTEGER AS code, * FROM (${found})`);
    return;
  }
  const count = await countRows(connection, earlier);
  await connection.run(`CREATE TEMP TABLE ${table} AS SELECT code, ${names} FROM ${earlier}
    UNION ALL SELECT (${count} + ${number})::INTEGER, ${names} FROM (${found} EXCEPT SELECT ${names} FROM ${earlier})`);
}

/** @throws COLUMN_TYPE_MISMATCH, TIMESTAMP_NAIVE unless the times of a view are times */
export function assertTimeKinds(view: FeatureView, source: DuckdbTable): void {
  if (source.rows === 0) return;
  for (const column of [view.eventTime, ...(view.knownAt === undefined ? [] : [view.knownAt])]) {
    const found = source.kinds.get(column) as Kind;
    const table = view.source.name;
    if (!found.endsWith("time")) {
      throw featureStoreError("COLUMN_TYPE_MISMATCH", { column, table, found: inWords[found], wanted: "a timestamp" });
    }
    if (found === "naive time" && view.source.timezone !== "UTC") {
      throw featureStoreError("TIMESTAMP_NAIVE", { column, table });
    }
  }
}

/** @throws COLUMN_TYPE_MISMATCH when the labels' keys are of other types than the view's */
export const assertLabelKeys = (view: FeatureView, labels: DuckdbTable, name: string): void =>
  view.keys.forEach((key) => assertKind(labels, key.name, key.type, name));

function assertKind(table: DuckdbTable, column: string, type: string, name: string): void {
  const found = table.kinds.get(column) as Kind;
  if (table.rows === 0 || found === (type === "int64" ? "integer" : type)) return;
  throw featureStoreError("COLUMN_TYPE_MISMATCH", { column, table: name, found: inWords[found], wanted: type });
}

/** As `describeColumn` has it. */
const inWords: Readonly<Record<Kind, string>> = {
  integer: "integers",
  float: "floating-point numbers",
  boolean: "booleans",
  string: "strings",
  time: "timestamps",
  "naive time": "timestamps without a zone",
};
