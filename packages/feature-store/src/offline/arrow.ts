import type { RecordBatch } from "apache-arrow";
import type { FeatureView } from "../define/feature-view.ts";
import type { TableSource } from "../source/table-source.ts";
import { readColumn } from "./arrow-columns.ts";
import type { ColumnData } from "./column-data.ts";
import type { FeatureColumn } from "./feature-column.ts";
import { extendTimeline } from "./extend-timeline.ts";
import { gatherLatest, type GroupedLabels, joinWindows, timelineColumns } from "./join.ts";
import { IndexedTimeline, timelineOf } from "./indexed-timeline.ts";
import { KeptTimelines, type TimelineMaker } from "./kept-timelines.ts";
import { assertKeyColumn, KeyDictionary } from "./key-dictionary.ts";
import { inParts, labelTimes } from "./label-batches.ts";
import { latestRows } from "./last-seen.ts";
import type { EngineOptions, JoinRequest, LabelPart, OfflineEngine, TimelineOptions } from "./port.ts";
import { sortByTime } from "./sort-rows.ts";
import { assertNoTies } from "./ties.ts";
import { timeColumn } from "./time-column.ts";
import { buildTimeline, groupByKey, ordinals, type Timeline } from "./timeline.ts";

export interface ArrowOptions {
  /**
   * How many bytes of timelines to keep between joins, of sources that have a fingerprint: a later join over the same
   * version of a source only reads the labels, and one over a version with more rows only those. Default 512 MiB; 0 keeps
   * none.
   */
  readonly keepBytes?: number;
}

/** The default offline engine: plain JavaScript over Arrow, in memory, no native code. */
export function arrow({ keepBytes = 512 * 1024 * 1024 }: ArrowOptions = {}): OfflineEngine {
  const kept = new KeptTimelines<IndexedTimeline>(keepBytes);
  return {
    name: "arrow",
    timeline: async (view, options) => (await build(view, new ScannedTable(view.source), options)).timeline,
    async *labels(source, { time, rowsPerPart = Infinity, signal }) {
      const timelines = new JoinTimelines(kept, rowsPerPart < Infinity);
      let firstRow = 0;
      for await (const batches of inParts(source, rowsPerPart, { signal })) {
        const part = new ArrowLabels(source, batches, { time, firstRow }, timelines);
        yield part;
        firstRow += part.rows;
      }
    },
    async [Symbol.asyncDispose]() {
      kept.clear();
    },
  };
}

async function build(
  view: FeatureView,
  table: ScannedTable,
  options: TimelineOptions,
  dictionary: KeyDictionary = new KeyDictionary(view.keys.length),
): Promise<IndexedTimeline> {
  const { source, eventTime, knownAt } = view;
  const inputs = timelineColumns(view, options);
  await table.load(
    [...view.keys.map((key) => key.column), eventTime, ...(knownAt === undefined ? [] : [knownAt]), ...inputs],
    options,
  );
  const time = (column: string): Float64Array =>
    timeColumn(table.column(column), { column, table: source.name, timezone: source.timezone });
  const event = time(eventTime);
  const codes = dictionary.encode(
    keyColumns(view, (column) => table.column(column), "column", source.name),
    event.length,
    true,
  );
  const columns = new Map(inputs.map((column) => [column, table.column(column)]));
  // The dictionary grows when the timeline is extended; this one has the keys of now.
  const keys = { size: dictionary.size, key: (code: number) => dictionary.key(code) };
  const known = knownAt === undefined ? undefined : time(knownAt);
  return new IndexedTimeline(dictionary, buildTimeline({ keys, codes, event, known, columns }));
}

function makerOf(view: FeatureView, table: ScannedTable, options: TimelineOptions): TimelineMaker<IndexedTimeline> {
  return {
    build: () => build(view, table, options),
    async extend({ dictionary, timeline }, fingerprint) {
      const appended = await view.source.appendedSince?.(fingerprint);
      if (appended === undefined) return undefined;
      const added = await build(view, new ScannedTable({ ...appended, name: view.source.name }), options, dictionary);
      const extended = extendTimeline(timeline, added.timeline);
      return extended && new IndexedTimeline(dictionary, extended);
    },
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

/** The timelines that the parts of one join share. */
class JoinTimelines {
  readonly #kept: KeptTimelines<IndexedTimeline>;
  readonly #several: boolean;
  readonly #tables = new Map<TableSource, ScannedTable>();
  readonly #made = new Map<FeatureView, IndexedTimeline>();

  constructor(kept: KeptTimelines<IndexedTimeline>, several: boolean) {
    this.#kept = kept;
    this.#several = several;
  }

  async get(request: JoinRequest): Promise<IndexedTimeline> {
    const { view } = request;
    const before = this.#made.get(view);
    if (before !== undefined) return before;
    const table = this.#tables.get(view.source) ?? new ScannedTable(view.source);
    this.#tables.set(view.source, table);
    const made = await this.#kept.get(view.source, timelineOf(view, {}), makerOf(view, table, request));
    // Of one part each view is joined once, or twice in succession.
    if (!this.#several) this.#made.clear();
    this.#made.set(view, made);
    return made;
  }
}

class ArrowLabels implements LabelPart {
  readonly rows: number;
  readonly columnNames: readonly string[];
  readonly #source: TableSource;
  readonly #batches: readonly RecordBatch[];
  readonly #time: Float64Array;
  readonly #columns = new Map<string, ColumnData>();
  readonly #timelines: JoinTimelines;

  constructor(
    source: TableSource,
    batches: readonly RecordBatch[],
    { time, firstRow }: { readonly time: string; readonly firstRow: number },
    timelines: JoinTimelines,
  ) {
    this.#timelines = timelines;
    this.columnNames = batches[0]?.schema.fields.map((field) => field.name) ?? [];
    this.#source = source;
    this.#batches = batches;
    this.#time = labelTimes(this.#read(time), source, time, firstRow);
    this.rows = this.#time.length;
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
    const indexed = await this.#timelines.get(request);
    const { timeline, dictionary } = indexed;
    if (request.onTie === "error") assertNoTies(view, timeline);
    const codes = dictionary.encode(
      keyColumns(view, (column) => this.#read(column), "name", this.#source.name),
      this.rows,
      false,
    );
    const windows = request.features.some((name) => view.features[name]?.kind === "window")
      ? joinWindows(request, timeline, indexed.visibility(request), this.#group(codes, timeline))
      : new Map<string, FeatureColumn>();
    const plain = request.features.some((name) => view.features[name]?.kind === "column")
      ? this.#plain(request, indexed, codes)
      : new Map<string, FeatureColumn>();
    return request.features.map((name) => (windows.get(name) ?? plain.get(name)) as FeatureColumn);
  }

  #plain(request: JoinRequest, indexed: IndexedTimeline, codes: Int32Array): Map<string, FeatureColumn> {
    const labels = { codes, time: this.#time, ttl: request.view.ttl };
    const rows = latestRows(indexed.timeline, indexed.lastSeen(request), labels);
    return gatherLatest(request, indexed.timeline.columns, rows);
  }

  #group(codes: Int32Array, timeline: Timeline): GroupedLabels {
    const sorted = sortByTime(ordinals(this.rows), this.#time);
    const { starts, rows: order } = groupByKey(codes, timeline.keys.size, sorted);
    return { rows: this.rows, starts, order, time: this.#time };
  }
}
