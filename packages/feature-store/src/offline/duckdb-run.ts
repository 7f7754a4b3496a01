import type { FeatureView } from "../define/feature-view.ts";
import type { TableSource } from "../source/table-source.ts";
import { featureStoreError } from "../errors.ts";
import type { ColumnData } from "./column-data.ts";
import type { DuckdbConnection } from "./duckdb-library.ts";
import { joinLatest, type LabelTable } from "./duckdb-latest.ts";
import { chunkItems } from "./duckdb-library.ts";
import { countRows, type DuckdbTable, forEachChunk, identifier, loadTable } from "./duckdb-table.ts";
import type { FeatureColumn } from "./feature-column.ts";
import { type GroupedLabels, timelineColumns } from "./join.ts";
import { exactInteger, type KeyPart } from "./key-dictionary.ts";
import type { JoinRequest, TimelineOptions } from "./port.ts";
import { ordinals, type Timeline } from "./timeline.ts";

/** A timeline, and the tables in DuckDB it was read from. */
export interface NumberedTimeline {
  readonly timeline: Timeline;
  /** Key columns `k0, k1, ...` and their `code`. */
  readonly keys: string;
  /** `code`, `row` (its number in the timeline), `event`, `known`. */
  readonly rows: string;
}

/** The SQL of the joins, over one connection. Tables of sources and timelines are made once and kept. */
export class DuckdbRun {
  readonly #connection: DuckdbConnection;
  readonly #sources = new Map<TableSource, DuckdbTable[]>();
  #made: { readonly view: FeatureView; readonly numbered: NumberedTimeline } | undefined;
  #tables = 0;

  constructor(connection: DuckdbConnection) {
    this.#connection = connection;
  }

  async timeline(view: FeatureView, options: TimelineOptions): Promise<NumberedTimeline> {
    if (this.#made?.view === view) return this.#made.numbered;
    if (this.#made !== undefined) {
      await this.#connection.run(`DROP TABLE ${this.#made.numbered.keys}; DROP TABLE ${this.#made.numbered.rows}`);
    }
    this.#made = undefined;
    const numbered = await this.#number(view, await this.#source(view, options), options);
    this.#made = { view, numbered };
    return numbered;
  }

  /** Plain features of a request, without a timeline in JavaScript. */
  async joinLatest(request: JoinRequest, labels: LabelTable): Promise<readonly FeatureColumn[]> {
    const { view } = request;
    const source = await this.#source(view, request);
    assertKinds(view, source);
    assertLabelKeys(view, labels.table);
    return joinLatest(this.#connection, request, source, labels);
  }

  async #source(view: FeatureView, options: TimelineOptions): Promise<DuckdbTable> {
    const wanted = new Set([...view.keys.map((key) => key.column), view.eventTime, ...timelineColumns(view, options)]);
    if (view.knownAt !== undefined) wanted.add(view.knownAt);
    const loaded = this.#sources.get(view.source) ?? [];
    const fitting = loaded.find((table) => [...wanted].every((column) => table.kinds.has(column)));
    if (fitting !== undefined) return fitting;
    const table = await loadTable(this.#connection, `source_${this.#tables++}`, view.source, [...wanted], options);
    this.#sources.set(view.source, [...loaded, table]);
    return table;
  }

  async #number(view: FeatureView, source: DuckdbTable, options: TimelineOptions): Promise<NumberedTimeline> {
    assertKinds(view, source);
    const keys = `keys_${this.#tables}`;
    const rows = `rows_${this.#tables++}`;
    const parts = view.keys.map((key, i) => `${identifier(key.column)} AS k${i}`).join(", ");
    const present = view.keys.map((key) => `${identifier(key.column)} IS NOT NULL`).join(" AND ");
    await this.#connection.run(
      `CREATE TEMP TABLE ${keys} AS SELECT (row_number() OVER () - 1)::INTEGER AS code, * FROM (SELECT DISTINCT ${parts} FROM ${source.name} WHERE ${present})`,
    );
    const event = identifier(view.eventTime);
    const known = view.knownAt === undefined ? event : `coalesce(${identifier(view.knownAt)}::DOUBLE, 'infinity')`;
    const match = view.keys.map((key, i) => `s.${identifier(key.column)} = k.k${i}`).join(" AND ");
    const columns = timelineColumns(view, options);
    const inputs = columns.map((column) => `, s.${identifier(column)}`).join("");
    options.signal?.throwIfAborted();
    await this.#connection.run(
      `CREATE TEMP TABLE ${rows} AS SELECT (row_number() OVER () - 1)::INTEGER AS "#row", * FROM (
        SELECT k.code AS "#code", ${event}::DOUBLE AS "#event", ${known}::DOUBLE AS "#known"${inputs}
        FROM ${source.name} AS s JOIN ${keys} AS k ON ${match} WHERE ${event} IS NOT NULL
        ORDER BY "#code", "#event", "#known", s."#")`,
    );
    const ignored = {
      nullKey: await countRows(this.#connection, `${source.name} WHERE NOT (${present})`),
      nullEventTime: await countRows(this.#connection, `${source.name} WHERE ${present} AND ${event} IS NULL`),
      nullKnownAt: await countRows(this.#connection, `${rows} WHERE "#known" = 'infinity'`),
    };
    return { timeline: { ...(await this.#read(view, columns, source, keys, rows)), ignored }, keys, rows };
  }

  async #read(
    view: FeatureView,
    inputs: readonly string[],
    source: DuckdbTable,
    keys: string,
    rows: string,
  ): Promise<Omit<Timeline, "ignored">> {
    const size = await countRows(this.#connection, rows);
    const event = new Float64Array(size);
    const known = view.knownAt === undefined ? undefined : new Float64Array(size);
    const counts = new Uint32Array((await countRows(this.#connection, keys)) + 1);
    const sql = `SELECT "#code", "#event", "#known" FROM ${rows} ORDER BY "#row"`;
    await forEachChunk(this.#connection, sql, (chunk, at) => {
      for (const code of chunkItems<Int32Array>(chunk, 0)) counts[code + 1] = (counts[code + 1] as number) + 1;
      event.set(chunkItems<Float64Array>(chunk, 1), at);
      known?.set(chunkItems<Float64Array>(chunk, 2), at);
    });
    const columns = new Map<string, ColumnData>();
    for (const column of inputs) columns.set(column, await source.read(column, rows, `"#row"`, size));
    const found = await this.#keys(view, keys);
    return {
      keys: { size: found.length, key: (code) => found[code] as readonly KeyPart[] },
      starts: cumulative(counts),
      event,
      known,
      source: ordinals(size),
      columns,
    };
  }

  async #keys(view: FeatureView, keys: string): Promise<(readonly KeyPart[])[]> {
    const found: (readonly KeyPart[])[] = [];
    const parts = view.keys.map((_, i) => `k${i}`).join(", ");
    await forEachChunk(this.#connection, `SELECT ${parts} FROM ${keys} ORDER BY code`, (chunk) => {
      for (let row = 0; row < chunk.rowCount; row++) {
        found.push(view.keys.map(({ type }, i) => keyPart(type, chunk.getColumnVector(i).getItem(row))));
      }
    });
    return found;
  }

  /** Labels in order of key and time; makes the table `matched` (`code`, `id`, `time`) for {@link latestRows}. */
  async groupLabels(
    view: FeatureView,
    { keys, timeline }: NumberedTimeline,
    labels: LabelTable,
    time: Float64Array,
  ): Promise<GroupedLabels> {
    assertLabelKeys(view, labels.table);
    // Keys of an empty source have no type that could be compared.
    const match =
      timeline.keys.size === 0
        ? "false"
        : view.keys.map((key, i) => `l.${identifier(key.name)} = k.k${i}`).join(" AND ");
    await this.#connection.run(
      `CREATE OR REPLACE TEMP TABLE matched AS SELECT code, l."#"::INTEGER AS id, l.${identifier(labels.time)}::DOUBLE AS time FROM ${labels.table.name} AS l JOIN ${keys} AS k ON ${match}`,
    );
    const order = new Uint32Array(await countRows(this.#connection, "matched"));
    const counts = new Uint32Array(timeline.keys.size + 1);
    await forEachChunk(this.#connection, "SELECT code, id FROM matched ORDER BY code, time, id", (chunk, at) => {
      for (const code of chunkItems<Int32Array>(chunk, 0)) counts[code + 1] = (counts[code + 1] as number) + 1;
      order.set(chunkItems<Int32Array>(chunk, 1), at);
    });
    return { rows: labels.table.rows, starts: cumulative(counts), order, time };
  }

  /**
   * The row each label sees last. `row` numbers the total order (event, known, sequence), so in order of becoming visible
   * only a row beyond all before it can be the last one seen; over those, one ASOF join answers.
   */
  async latestRows(
    { view, knownAt, strict }: JoinRequest,
    { rows }: NumberedTimeline,
    labels: number,
  ): Promise<Int32Array> {
    const happened = `"#event" + ${strict ? 1 : 0}`;
    const enter = knownAt && view.knownAt !== undefined ? `greatest(${happened}, "#known")` : happened;
    const young = view.ttl === Infinity ? "true" : `event >= time - ${view.ttl}`;
    const sql = `
      WITH entering AS (SELECT "#code" AS code, "#row" AS row, "#event" AS event, ${enter} AS enter FROM ${rows}),
      running AS (SELECT *, max(row) OVER (PARTITION BY code ORDER BY enter, row ROWS UNBOUNDED PRECEDING) AS last FROM entering WHERE enter < 'infinity'),
      kept AS (SELECT code, enter, max(row) AS row, max(event) AS event FROM running WHERE row = last GROUP BY code, enter)
      SELECT id, row FROM matched ASOF JOIN kept ON matched.code = kept.code AND matched.time >= kept.enter WHERE ${young}`;
    const found = new Int32Array(labels).fill(-1);
    await forEachChunk(this.#connection, sql, (chunk) => {
      const ids = chunkItems<Int32Array>(chunk, 0);
      const latest = chunkItems<Int32Array>(chunk, 1);
      for (let i = 0; i < ids.length; i++) found[ids[i] as number] = latest[i] as number;
    });
    return found;
  }
}

function cumulative(counts: Uint32Array): Uint32Array {
  for (let i = 1; i < counts.length; i++) counts[i] = (counts[i] as number) + (counts[i - 1] as number);
  return counts;
}

function keyPart(type: string, value: unknown): KeyPart {
  if (type === "boolean") return value === 1n;
  return typeof value === "bigint" ? exactInteger(value) : (value as KeyPart);
}

function assertKinds(view: FeatureView, source: DuckdbTable): void {
  if (source.rows === 0) return;
  for (const { column, type } of view.keys) assertKind(source, column, type, view.source.name);
  for (const column of [view.eventTime, ...(view.knownAt === undefined ? [] : [view.knownAt])]) {
    const found = source.kinds.get(column) as string;
    const table = view.source.name;
    if (!found.endsWith("time")) {
      throw featureStoreError("COLUMN_TYPE_MISMATCH", { column, table, found: `${found}s`, wanted: "a timestamp" });
    }
    if (found === "naive time" && view.source.timezone !== "UTC") {
      throw featureStoreError("TIMESTAMP_NAIVE", { column, table });
    }
  }
}

const assertLabelKeys = (view: FeatureView, labels: DuckdbTable): void =>
  view.keys.forEach(({ name, type }) => assertKind(labels, name, type, "labels"));

function assertKind(table: DuckdbTable, column: string, type: string, name: string): void {
  const found = table.kinds.get(column) as string;
  if (table.rows === 0 || found === (type === "int64" ? "integer" : type)) return;
  throw featureStoreError("COLUMN_TYPE_MISMATCH", { column, table: name, found: `${found}s`, wanted: type });
}
