import type { ColumnFeature } from "../define/column.ts";
import { type Kind, readColumns, type Relation, storedName } from "./duckdb-columns.ts";
import type { LastSeenRows } from "./duckdb-last-seen.ts";
import type { DuckdbConnection } from "./duckdb-library.ts";
import type { DuckdbTable } from "./duckdb-table.ts";
import type { FeatureColumn } from "./feature-column.ts";
import { gatherLatest } from "./join.ts";
import type { JoinRequest } from "./port.ts";

/** Labels in DuckDB, numbered by `"#"`. */
export interface LabelTable {
  readonly table: DuckdbTable;
  /** The column with the time of each, epoch microseconds. */
  readonly time: string;
}

/** Labels `[first, first + rows)` of all. */
export interface LabelRange {
  readonly first: number;
  readonly rows: number;
}

/** The columns that the plain features of a request are made of. */
export const latestInputs = ({ view, features }: Pick<JoinRequest, "view" | "features">): string[] => [
  ...new Set(features.map((name) => (view.features[name] as ColumnFeature).column)),
];

/**
 * The last row each label sees, one ASOF join for all labels: a query in brackets that gives the number of a label, `"#"`, and
 * the columns it sees, of labels that see any. Undefined where none can.
 */
export function latestRows(
  { view }: JoinRequest,
  inputs: readonly string[],
  seen: LastSeenRows,
  labels: LabelTable,
): string | undefined {
  // Keys of an empty source have no type that could be compared.
  if (seen.rows === 0) return undefined;
  const place = new Map([...seen.inputs.keys()].map((input, i) => [input, `c${i}`]));
  const columns = inputs.map((input) => `, ${place.get(input)} AS ${storedName(input)}`).join("");
  const match = view.keys.map(({ name }, i) => `l.${storedName(name)} = k.k${i}`);
  const young = view.ttl === Infinity ? "true" : `event >= time - ${view.ttl}`;
  return `(SELECT "#"${columns}
    FROM (SELECT l."#", l.${storedName(labels.time)} AS time, k.code
      FROM ${labels.table.name} AS l JOIN ${seen.keys} AS k ON ${match.join(" AND ")}) AS label
    ASOF JOIN ${seen.table} AS seen ON label.code = seen.code AND label.time >= seen.enter WHERE ${young})`;
}

/** Reads what some of the labels see into features. */
export async function readLatest(
  connection: DuckdbConnection,
  request: JoinRequest,
  kinds: ReadonlyMap<string, Kind>,
  { from, place, rows }: Omit<Relation, "from"> & { readonly from: string | undefined },
): Promise<readonly FeatureColumn[]> {
  const columns = await readColumns(connection, kinds, {
    from: from ?? "",
    place,
    rows: from === undefined ? 0 : rows,
  });
  // Labels that see no row have no value in any column.
  const places = new Int32Array(rows).fill(-1);
  if (from !== undefined) for (let row = 0; row < rows; row++) places[row] = row;
  const found = gatherLatest(request, columns, places);
  return request.features.map((name) => found.get(name) as FeatureColumn);
}
