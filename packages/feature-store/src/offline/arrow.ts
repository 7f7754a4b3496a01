import type { RecordBatch } from "apache-arrow";
import type { FeatureView } from "../define/feature-view.ts";
import { featureStoreError } from "../errors.ts";
import type { TableSource } from "../source/table-source.ts";
import { readColumn } from "./arrow-columns.ts";
import type { ColumnData } from "./column-data.ts";
import type { FeatureColumn } from "./feature-column.ts";
import { gatherLatest, type GroupedLabels, joinWindows, latestRows, timelineColumns } from "./join.ts";
import { assertKeyColumn, KeyDictionary } from "./key-dictionary.ts";
import type { EngineOptions, JoinRequest, LabelSession, OfflineEngine, TimelineOptions } from "./port.ts";
import { assertNoTies } from "./ties.ts";
import { timeColumn } from "./time-column.ts";
import { buildTimeline, groupByKey, sortWithinKeys, type Timeline } from "./timeline.ts";
import { visibility } from "./visibility.ts";

/** The default offline engine: plain JavaScript over Arrow, in memory, no native code. */
export function arrow(): OfflineEngine {
  return {
    name: "arrow",
    timeline: async (view, options) => (await timeline(view, new ScannedTable(view.source), options)).timeline,
    async labels(source, options) {
      const batches = await collect(source, undefined, options);
      return new ArrowLabels(
        source,
        batches,
        labelTimes(readColumn(batches, options.time, source.name), source, options.time),
      );
    },
  };
}

async function timeline(
  view: FeatureView,
  table: ScannedTable,
  options: TimelineOptions,
): Promise<{ keys: KeyDictionary; timeline: Timeline }> {
  const { source, eventTime, knownAt } = view;
  const inputs = timelineColumns(view, options);
  await table.load(
    [...view.keys.map((key) => key.column), eventTime, ...(knownAt === undefined ? [] : [knownAt]), ...inputs],
    options,
  );
  const time = (column: string): Float64Array =>
    timeColumn(table.column(column), { column, table: source.name, timezone: source.timezone });
  const event = time(eventTime);
  const keys = new KeyDictionary(view.keys.length);
  const codes = keys.encode(
    keyColumns(view, (column) => table.column(column), "column", source.name),
    event.length,
    true,
  );
  const columns = new Map(inputs.map((column) => [column, table.column(column)]));
  return {
    keys,
    timeline: buildTimeline({ keys, codes, event, known: knownAt === undefined ? undefined : time(knownAt), columns }),
  };
}

/** Columns of a source, scanned when first asked for and kept: views of one source share them. */
class ScannedTable {
  readonly #source: TableSource;
  readonly #columns = new Map<string, ColumnData>();

  constructor(source: TableSource) {
    this.#source = source;
  }

  async load(columns: readonly string[], options: EngineOptions): Promise<void> {
    const missing = [...new Set(columns)].filter((column) => !this.#columns.has(column));
    if (missing.length === 0) return;
    const batches = await collect(this.#source, missing, options);
    for (const column of missing) this.#columns.set(column, readColumn(batches, column, this.#source.name));
  }

  column(name: string): ColumnData {
    return this.#columns.get(name) as ColumnData;
  }
}

async function collect(
  source: TableSource,
  columns: string[] | undefined,
  { signal }: EngineOptions,
): Promise<RecordBatch[]> {
  const batches: RecordBatch[] = [];
  const options = { ...(columns === undefined ? {} : { columns }), ...(signal === undefined ? {} : { signal }) };
  for await (const batch of source.scan(options)) {
    signal?.throwIfAborted();
    batches.push(batch);
  }
  return batches;
}

function keyColumns(
  view: FeatureView,
  read: (column: string) => ColumnData,
  by: "column" | "name",
  table: string,
): ColumnData[] {
  return view.keys.map((key) => {
    const data = read(key[by]);
    assertKeyColumn(data, { column: key[by], table, type: key.type });
    return data;
  });
}

/** @throws LABEL_TIME_NULL, TIMESTAMP_NAIVE */
export function labelTimes(data: ColumnData, source: TableSource, column: string): Float64Array {
  const times = timeColumn(data, { column, table: source.name, timezone: source.timezone });
  const row = times.findIndex((time) => Number.isNaN(time));
  if (row >= 0) throw featureStoreError("LABEL_TIME_NULL", { column, row });
  return times;
}

class ArrowLabels implements LabelSession {
  readonly rows: number;
  readonly columnNames: readonly string[];
  readonly #source: TableSource;
  readonly #batches: readonly RecordBatch[];
  readonly #time: Float64Array;
  readonly #columns = new Map<string, ColumnData>();
  readonly #tables = new Map<TableSource, ScannedTable>();

  constructor(source: TableSource, batches: readonly RecordBatch[], time: Float64Array) {
    this.rows = time.length;
    this.columnNames = batches[0]?.schema.fields.map((field) => field.name) ?? [];
    this.#source = source;
    this.#batches = batches;
    this.#time = time;
  }

  #read(name: string): ColumnData {
    const data = this.#columns.get(name) ?? readColumn(this.#batches, name, this.#source.name);
    this.#columns.set(name, data);
    return data;
  }

  async column(name: string): Promise<ColumnData> {
    return this.#read(name);
  }

  async *batches(): AsyncIterable<RecordBatch> {
    yield* this.#batches;
  }

  async join(request: JoinRequest): Promise<readonly FeatureColumn[]> {
    const { view } = request;
    const table = this.#tables.get(view.source) ?? new ScannedTable(view.source);
    this.#tables.set(view.source, table);
    const { keys, timeline: rows } = await timeline(view, table, request);
    if (request.onTie === "error") assertNoTies(view, rows);
    const visible = visibility(rows, request);
    const labels = this.#group(view, keys);
    const windows = joinWindows(request, rows, visible, labels);
    const plain = request.features.some((name) => view.features[name]?.kind === "column")
      ? gatherLatest(request, rows, latestRows(view, rows, visible, labels))
      : new Map<string, FeatureColumn>();
    return request.features.map((name) => (windows.get(name) ?? plain.get(name)) as FeatureColumn);
  }

  #group(view: FeatureView, keys: KeyDictionary): GroupedLabels {
    const codes = keys.encode(
      keyColumns(view, (column) => this.#read(column), "name", this.#source.name),
      this.rows,
      false,
    );
    const { starts, rows: order } = groupByKey(codes, keys.size);
    const time = this.#time;
    sortWithinKeys(order, starts, (a, b) => (time[a] as number) - (time[b] as number) || a - b);
    return { rows: this.rows, starts, order, time };
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
