import type { FeatureView } from "../define/feature-view.ts";
import type { TableSource } from "../source/table-source.ts";
import { type Kind, readColumns, storedName } from "./duckdb-columns.ts";
import type { Session } from "./duckdb-database.ts";
import type { LabelRange, LabelTable } from "./duckdb-latest.ts";
import { chunkItems, countRows, forEachChunk } from "./duckdb-library.ts";
import { assertTimeKinds, loadSource, sourceColumns, type SourceTable } from "./duckdb-source.ts";
import { type GroupedLabels, timelineColumns } from "./join.ts";
import { exactInteger, type KeyPart } from "./key-dictionary.ts";
import type { EngineOptions, TimelineOptions } from "./port.ts";
import { ordinals, type Timeline } from "./timeline.ts";

/** A timeline, and the table in DuckDB of its keys. */
export interface NumberedTimeline {
  readonly timeline: Timeline;
  /** Key columns `k0, k1, ...` and their `code`. */
  readonly keys: string;
}

interface LoadedSource {
  /** The key columns it is numbered by. */
  readonly keys: string;
  readonly table: SourceTable;
}

/** The sources and timelines of one session. A source is loaded once, with the columns that were asked for first. */
export class DuckdbRun {
  readonly #session: Session;
  readonly #sources = new Map<TableSource, readonly LoadedSource[]>();
  readonly #timelines = new Map<FeatureView, NumberedTimeline>();
  readonly #several: boolean;
  #tables = 0;

  /** @param several true when timelines are asked for again and again, part by part of the labels */
  constructor(session: Session, several: boolean) {
    this.#session = session;
    this.#several = several;
  }

  async timeline(view: FeatureView, options: TimelineOptions): Promise<NumberedTimeline> {
    const before = this.#timelines.get(view);
    if (before !== undefined) return before;
    if (!this.#several) this.#timelines.clear();
    const numbered = await this.#number(
      view,
      await this.source(view, timelineColumns(view, options), options),
      options,
    );
    this.#timelines.set(view, numbered);
    return numbered;
  }

  /** The keys, times and some other columns of a view's source, as they came. @throws COLUMN_TYPE_MISMATCH, TIMESTAMP_NAIVE */
  async source(view: FeatureView, inputs: readonly string[], options: EngineOptions): Promise<SourceTable> {
    const wanted = sourceColumns(view, inputs);
    const id = JSON.stringify(view.keys.map(({ column, type }) => [column, type]));
    const loaded = this.#sources.get(view.source) ?? [];
    const fitting = loaded.find(
      ({ keys, table }) => keys === id && wanted.others.every((column) => table.kinds.has(column)),
    );
    if (fitting !== undefined) {
      assertTimeKinds(view, fitting.table);
      return fitting.table;
    }
    const table = await this.load(view, view.source, inputs, options);
    this.#sources.set(view.source, [...loaded, { keys: id, table }]);
    return table;
  }

  /** As {@link source}, of rows that are not asked for again. */
  async load(
    view: FeatureView,
    source: TableSource,
    inputs: readonly string[],
    options: EngineOptions & { readonly earlier?: string },
  ): Promise<SourceTable> {
    const name = `source_${this.#tables++}`;
    return await loadSource(this.#session, name, view, source, sourceColumns(view, inputs), options);
  }

  async #number(view: FeatureView, source: SourceTable, options: TimelineOptions): Promise<NumberedTimeline> {
    const { connection } = this.#session;
    const rows = `rows_${this.#tables++}`;
    const event = storedName(view.eventTime);
    const known = view.knownAt === undefined ? event : `coalesce(${storedName(view.knownAt)}::DOUBLE, 'infinity')`;
    const columns = timelineColumns(view, options);
    const inputs = columns.map((column) => `, ${storedName(column)}`).join("");
    options.signal?.throwIfAborted();
    await connection.run(
      `CREATE TEMP TABLE ${rows} AS SELECT (row_number() OVER () - 1)::INTEGER AS "#row", * FROM (
        SELECT "#code", ${event}::DOUBLE AS "#event", ${known}::DOUBLE AS "#known"${inputs}
        FROM ${source.name} WHERE "#code" IS NOT NULL AND ${event} IS NOT NULL
        ORDER BY "#code", "#event", "#known", "#")`,
    );
    const ignored = {
      nullKey: await countRows(connection, `${source.name} WHERE "#code" IS NULL`),
      nullEventTime: await countRows(connection, `${source.name} WHERE "#code" IS NOT NULL AND ${event} IS NULL`),
      nullKnownAt: await countRows(connection, `${rows} WHERE "#known" = 'infinity'`),
    };
    const timeline = { ...(await this.#read(view, columns, source, rows)), ignored };
    await connection.run(`DROP TABLE ${rows}`);
    return { timeline, keys: source.keys };
  }

  async #read(
    view: FeatureView,
    inputs: readonly string[],
    { keys, kinds: sourceKinds }: SourceTable,
    rows: string,
  ): Promise<Omit<Timeline, "ignored">> {
    const size = await countRows(this.#session.connection, rows);
    const event = new Float64Array(size);
    const known = view.knownAt === undefined ? undefined : new Float64Array(size);
    const counts = new Uint32Array((await countRows(this.#session.connection, keys)) + 1);
    const sql = `SELECT "#code", "#event", "#known" FROM ${rows} ORDER BY "#row"`;
    await forEachChunk(this.#session.connection, sql, (chunk, at) => {
      for (const code of chunkItems<Int32Array>(chunk, 0)) counts[code + 1] = (counts[code + 1] as number) + 1;
      event.set(chunkItems<Float64Array>(chunk, 1), at);
      known?.set(chunkItems<Float64Array>(chunk, 2), at);
    });
    const kinds = new Map(inputs.map((column) => [column, sourceKinds.get(column) as Kind]));
    const columns = await readColumns(this.#session.connection, kinds, { from: rows, place: `"#row"`, rows: size });
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
    await forEachChunk(this.#session.connection, `SELECT ${parts} FROM ${keys} ORDER BY code`, (chunk) => {
      for (let row = 0; row < chunk.rowCount; row++) {
        found.push(view.keys.map(({ type }, i) => keyPart(type, chunk.getColumnVector(i).getItem(row))));
      }
    });
    return found;
  }

  /** Some of the labels in order of key and time. @param time of each of them */
  async groupLabels(
    view: FeatureView,
    { keys, timeline }: NumberedTimeline,
    labels: LabelTable,
    { first, rows }: LabelRange,
    time: Float64Array,
  ): Promise<GroupedLabels> {
    const counts = new Uint32Array(timeline.keys.size + 1);
    const order = new Uint32Array(rows);
    let size = 0;
    // Keys of an empty source have no type that could be compared.
    if (timeline.keys.size > 0) {
      const match = view.keys.map((key, i) => `l.${storedName(key.name)} = k.k${i}`).join(" AND ");
      const sql = `SELECT k.code, (l."#" - ${first})::INTEGER AS id
        FROM ${labels.table.name} AS l JOIN ${keys} AS k ON ${match}
        WHERE l."#" >= ${first} AND l."#" < ${first + rows} ORDER BY k.code, l.${storedName(labels.time)}, l."#"`;
      await forEachChunk(this.#session.connection, sql, (chunk, at) => {
        for (const code of chunkItems<Int32Array>(chunk, 0)) counts[code + 1] = (counts[code + 1] as number) + 1;
        order.set(chunkItems<Int32Array>(chunk, 1), at);
        size = at + chunk.rowCount;
      });
    }
    return { rows, starts: cumulative(counts), order: order.subarray(0, size), time };
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
