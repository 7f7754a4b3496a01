import type { ColumnFeature } from "../define/column.ts";
import type { FeatureView } from "../define/feature-view.ts";
import type { ColumnData } from "./column-data.ts";
import { chunkItems, type DuckdbConnection } from "./duckdb-library.ts";
import { type DuckdbTable, forEachChunk, identifier, RowCollector } from "./duckdb-table.ts";
import type { FeatureColumn } from "./feature-column.ts";
import { gatherLatest } from "./join.ts";
import type { JoinRequest } from "./port.ts";

/** Labels in DuckDB, numbered by `"#"`. */
export interface LabelTable {
  readonly table: DuckdbTable;
  /** The column with the time of each, epoch microseconds. */
  readonly time: string;
}

/**
 * Joins plain features within DuckDB, which spills what does not fit: only the columns of the answer come to JavaScript.
 *
 * A row of the source that enters no earlier than one after it (by event, known, ingestion) is never the last one seen.
 * Over the others one ASOF join by the time of entering answers.
 */
export async function joinLatest(
  connection: DuckdbConnection,
  request: JoinRequest,
  source: DuckdbTable,
  labels: LabelTable,
): Promise<readonly FeatureColumn[]> {
  const { view, features, signal } = request;
  const inputs = [...new Set(features.map((name) => (view.features[name] as ColumnFeature).column))];
  const rows = new Int32Array(labels.table.rows).fill(-1);
  const collectors = inputs.map((column) => new RowCollector(source.kindOf(column), rows.length));
  // Keys of an empty source have no type that could be compared.
  if (source.rows > 0) {
    for (const sql of keptRows(request, source, inputs)) {
      signal?.throwIfAborted();
      await connection.run(sql);
    }
    const young = view.ttl === Infinity ? "true" : `event >= time - ${view.ttl}`;
    const values = inputs.map((column, i) => source.selected(column, `c${i}`));
    const match = view.keys.map(({ name }, i) => `l.${identifier(name)} = k${i}`);
    const sql = `
      SELECT id, ${values.join(", ")}
      FROM (SELECT "#"::INTEGER AS id, ${identifier(labels.time)}::BIGINT AS time, code
        FROM ${labels.table.name} AS l JOIN kept_keys ON ${match.join(" AND ")}) AS label
      ASOF JOIN kept ON label.code = kept.code AND label.time >= kept.enter WHERE ${young}`;
    await forEachChunk(connection, sql, (chunk) => {
      const ids = chunkItems<Int32Array>(chunk, 0);
      for (const id of ids) rows[id] = id;
      collectors.forEach((collector, i) => collector.take(chunk, 1 + 2 * i, ids));
    });
    await connection.run("DROP TABLE kept; DROP TABLE kept_keys");
  }
  const columns = new Map<string, ColumnData>(
    inputs.map((column, i) => [column, (collectors[i] as RowCollector).data()]),
  );
  const found = gatherLatest(request, columns, rows);
  return features.map((name) => found.get(name) as FeatureColumn);
}

/** Twice the range of times: values of one key never reach those of the next. */
const keyStep = "18014398509481984::HUGEINT";

/**
 * The rows that can be the last one seen, in the table `kept`: `code`, `event`, `enter` and the inputs `c0, c1, ...`; the
 * codes of keys in `kept_keys`.
 *
 * In order of key and from the last row to the first, a row counts while it enters before all rows it was preceded by. The
 * least time of entering of one key is kept in one running maximum over all keys, which DuckDB finds in one pass.
 */
function keptRows(
  { view, knownAt, strict }: JoinRequest,
  source: DuckdbTable,
  inputs: readonly string[],
): readonly string[] {
  const event = identifier(view.eventTime);
  const told = view.knownAt === undefined ? undefined : identifier(view.knownAt);
  const happened = strict ? `${event} + 1` : event;
  const enter = knownAt && told !== undefined ? `greatest(${happened}, ${told})` : happened;
  const keys = view.keys.map(({ column }, i) => `${identifier(column)} AS k${i}`);
  const match = view.keys.map(({ column }, i) => `${identifier(column)} = k${i}`);
  const present = view.keys.map(({ column }) => `${identifier(column)} IS NOT NULL`);
  const seen = [...(knownAt && told !== undefined ? [told] : []), event].map((column) => `${column} IS NOT NULL`);
  const columns = inputs.map((column, i) => `, ${identifier(column)} AS c${i}`).join("");
  const named = inputs.map((_, i) => `, c${i}`).join("");
  // A null is never known: the last of all.
  const order = ["code", `${event} DESC`, ...(told === undefined ? [] : [`${told} DESC NULLS FIRST`]), `"#" DESC`];
  return [
    `CREATE OR REPLACE TEMP TABLE kept_keys AS SELECT (row_number() OVER () - 1)::INTEGER AS code, *
      FROM (SELECT DISTINCT ${keys.join(", ")} FROM ${source.name} WHERE ${present.join(" AND ")})`,
    `CREATE OR REPLACE TEMP TABLE ordered AS SELECT code, ${event} AS event, ${enter} AS enter${columns}
      FROM ${source.name} JOIN kept_keys ON ${match.join(" AND ")} WHERE ${seen.join(" AND ")}
      ORDER BY ${order.join(", ")}`,
    `CREATE OR REPLACE TEMP TABLE kept AS SELECT code, event, enter${named} FROM (
      SELECT *, lag(least) OVER () AS before FROM (
        SELECT *, max(code * ${keyStep} - enter) OVER (ROWS UNBOUNDED PRECEDING) AS least FROM ordered))
      WHERE before IS NULL OR least > before`,
    "DROP TABLE ordered",
  ];
}

/** True when {@link joinLatest} can answer: no windows, and no need of the whole timeline to look for ties. */
export const isPlain = ({ view, features, onTie }: JoinRequest): boolean =>
  onTie === "last" && features.every((name) => (view as FeatureView).features[name]?.kind === "column");
