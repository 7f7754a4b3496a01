import type { RecordBatch } from "apache-arrow";
import { rm } from "node:fs/promises";
import type { FeatureView } from "../define/feature-view.ts";
import { dimensionsOf } from "../define/value-type.ts";
import { featureStoreError } from "../errors.ts";
import type { TableSource } from "../source/table-source.ts";
import { readColumn } from "./arrow-columns.ts";
import { arrow, labelTimes } from "./arrow.ts";
import type { ColumnData } from "./column-data.ts";
import { recordBatches } from "./column-to-arrow.ts";
import { isPlain, type LabelTable } from "./duckdb-latest.ts";
import { type DuckdbConnection, type DuckdbLibrary, loadDuckdb } from "./duckdb-library.ts";
import { DuckdbRun } from "./duckdb-run.ts";
import { appendColumns, describeFiles, loadTable } from "./duckdb-table.ts";
import type { FeatureColumn } from "./feature-column.ts";
import { gatherLatest, joinWindows } from "./join.ts";
import type { EngineOptions, JoinRequest, LabelSession, OfflineEngine } from "./port.ts";
import { scratchFolder } from "./scratch.ts";
import { assertNoTies } from "./ties.ts";
import { visibility } from "./visibility.ts";

export type { DuckdbConnection, DuckdbLibrary } from "./duckdb-library.ts";

export interface DuckdbOptions {
  /** The library, when the caller has imported it; by default `@duckdb/node-api` is imported on first use. */
  readonly lib?: DuckdbLibrary;
  /** What DuckDB may use before it spills, e.g. `"1GB"`; default `"512MB"`. */
  readonly memoryLimit?: string;
  /** Where it spills; by default a folder of its own under the system's temporary folder. */
  readonly temporaryDirectory?: string;
  /** Threads; default as many as the machine has. */
  readonly threads?: number;
}

/**
 * The offline engine on DuckDB: it reads Parquet files itself, numbers keys, sorts, and finds the last known row of each
 * label by ASOF join over rows that no later one hides. Sliding windows are summed by the same exact sweep as `arrow()`.
 *
 * @throws ENGINE_NOT_INSTALLED, at the first use, without `@duckdb/node-api` (^1.5.5-r.5)
 */
export function duckdb(options: DuckdbOptions = {}): OfflineEngine {
  return {
    name: "duckdb",
    async timeline(view, engine) {
      if (hasVectors(view)) return await arrow().timeline(view, engine);
      await using session = await openSession(options);
      const run = new DuckdbRun(session.connection);
      return (await run.timeline(view, engine)).timeline;
    },
    async labels(source, request) {
      const session = await openSession(options);
      try {
        return await DuckdbLabels.open(session, source, request);
      } catch (error) {
        await session[Symbol.asyncDispose]();
        throw error;
      }
    },
  };
}

interface Session extends AsyncDisposable {
  readonly connection: DuckdbConnection;
}

async function openSession(options: DuckdbOptions): Promise<Session> {
  const lib = options.lib ?? (await loadDuckdb(() => import("@duckdb/node-api")));
  const own = options.temporaryDirectory === undefined ? await scratchFolder() : undefined;
  const instance = await lib.DuckDBInstance.create(":memory:", {
    memory_limit: options.memoryLimit ?? "512MB",
    temp_directory: options.temporaryDirectory ?? (own as string),
    ...(options.threads === undefined ? {} : { threads: String(options.threads) }),
  });
  const connection = await instance.connect();
  // A comparison of timestamps with and without a zone follows the session's zone, which follows that of the process.
  await connection.run("SET TimeZone = 'UTC'");
  return {
    connection,
    async [Symbol.asyncDispose]() {
      connection.closeSync();
      instance.closeSync();
      if (own !== undefined) await rm(own, { recursive: true, force: true });
    },
  };
}

class DuckdbLabels implements LabelSession {
  readonly columnNames: readonly string[];
  readonly #session: Session;
  readonly #run: DuckdbRun;
  readonly #source: TableSource;
  readonly #batches: readonly RecordBatch[];
  readonly #columns: Map<string, ColumnData>;
  readonly #time: Float64Array;
  readonly #timeName: string;
  #table: LabelTable | undefined;

  static async open(
    session: Session,
    source: TableSource,
    options: EngineOptions & { time: string },
  ): Promise<DuckdbLabels> {
    const files = await source.localFiles?.();
    const columns = new Map<string, ColumnData>();
    const batches: RecordBatch[] = [];
    if (files === undefined || files.length === 0) {
      const { signal } = options;
      for await (const batch of source.scan(signal === undefined ? {} : { signal })) batches.push(batch);
      return new DuckdbLabels(session, source, { batches, columns, table: undefined }, options.time);
    }
    const names = [...(await describeFiles(session.connection, files)).keys()];
    const table = await loadTable(session.connection, "labels", source, names, options);
    for (const name of names) columns.set(name, await table.read(name));
    return new DuckdbLabels(session, source, { batches, columns, table: { table, time: options.time } }, options.time);
  }

  constructor(
    session: Session,
    source: TableSource,
    read: {
      /** As they came, unless DuckDB read files. */
      readonly batches: readonly RecordBatch[];
      /** All of them, when DuckDB read files. */
      readonly columns: Map<string, ColumnData>;
      readonly table: LabelTable | undefined;
    },
    time: string,
  ) {
    this.#session = session;
    this.#run = new DuckdbRun(session.connection);
    this.#source = source;
    this.#batches = read.batches;
    this.#columns = read.columns;
    this.#table = read.table;
    this.columnNames =
      read.table === undefined
        ? (read.batches[0]?.schema.fields.map((field) => field.name) ?? [])
        : [...read.columns.keys()];
    this.#timeName = time;
    this.#time = labelTimes(this.#read(time), source, time);
  }

  get rows(): number {
    return this.#time.length;
  }

  #read(name: string): ColumnData {
    if (this.#table !== undefined && this.#batches.length === 0 && !this.#columns.has(name)) {
      throw featureStoreError("COLUMN_MISSING", { column: name, table: this.#source.name, columns: this.columnNames });
    }
    const data = this.#columns.get(name) ?? readColumn(this.#batches, name, this.#source.name);
    this.#columns.set(name, data);
    return data;
  }

  async column(name: string): Promise<ColumnData> {
    return this.#read(name);
  }

  async *batches(): AsyncIterable<RecordBatch> {
    if (this.#batches.length > 0) yield* this.#batches;
    else if (this.#columns.size > 0) yield* recordBatches(this.#columns, this.rows);
  }

  async join(request: JoinRequest): Promise<readonly FeatureColumn[]> {
    const { view } = request;
    if (hasVectors(view)) return await this.#inArrow(request);
    if (isPlain(request)) return this.#run.joinLatest(request, await this.#keys(view));
    const numbered = await this.#run.timeline(view, request);
    const { timeline } = numbered;
    if (request.onTie === "error") assertNoTies(view, timeline);
    const labels = await this.#run.groupLabels(view, numbered, await this.#keys(view), this.#time);
    const windows = joinWindows(request, timeline, visibility(timeline, request), labels);
    const plain = request.features.some((name) => view.features[name]?.kind === "column")
      ? gatherLatest(request, timeline.columns, await this.#run.latestRows(request, numbered, labels.rows))
      : new Map<string, FeatureColumn>();
    return request.features.map((name) => (windows.get(name) ?? plain.get(name)) as FeatureColumn);
  }

  /** Vectors gain nothing by a way through DuckDB: views that have some are joined by `arrow()`, to the same bits. */
  async #inArrow(request: JoinRequest): Promise<readonly FeatureColumn[]> {
    const { name, timezone } = this.#source;
    const source: TableSource = { name, timezone, scan: () => this.batches() };
    await using labels = await arrow().labels(source, { time: this.#timeName, signal: request.signal });
    return await labels.join(request);
  }

  /** The labels' keys and times in DuckDB. */
  async #keys(view: FeatureView): Promise<LabelTable> {
    const names = view.keys.map((key) => key.name);
    const before = this.#table?.table.kinds;
    if (this.#table !== undefined && names.every((name) => before?.has(name))) return this.#table;
    const columns = new Map<string, ColumnData>([["#time", { kind: "time", values: this.#time, naive: false }]]);
    for (const name of [...(before?.keys() ?? []), ...names]) if (name !== "#time") columns.set(name, this.#read(name));
    await this.#session.connection.run("DROP TABLE IF EXISTS labels");
    this.#table = { table: await appendColumns(this.#session.connection, "labels", columns), time: "#time" };
    return this.#table;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
  }
}

const hasVectors = ({ features }: FeatureView): boolean =>
  Object.values(features).some(({ type }) => dimensionsOf(type) !== undefined);
