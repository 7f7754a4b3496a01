import type { FeatureView } from "../define/feature-view.ts";
import { dimensionsOf } from "../define/value-type.ts";
import { fromBatches, type TableSource } from "../source/table-source.ts";
import { arrow } from "./arrow.ts";
import type { Kind } from "./duckdb-columns.ts";
import type { DuckdbDatabase, Session } from "./duckdb-database.ts";
import {
  buildLastSeen,
  extendLastSeen,
  type LastSeenRequest,
  lastSeenOf,
  type LastSeenRows,
} from "./duckdb-last-seen.ts";
import type { DuckdbLabels, LabelColumns } from "./duckdb-labels.ts";
import { latestInputs, latestRows, type LabelTable, readLatest } from "./duckdb-latest.ts";
import { DuckdbRun } from "./duckdb-run.ts";
import { assertLabelKeys } from "./duckdb-source.ts";
import type { FeatureColumn } from "./feature-column.ts";
import { joinWindows } from "./join.ts";
import type { KeptTimelines, TimelineMaker } from "./kept-timelines.ts";
import { type JoinRequest, type LabelOptions, type LabelPart, type OfflineEngine, withLabels } from "./port.ts";
import { assertNoTies } from "./ties.ts";
import { visibility } from "./visibility.ts";

/** The last seen row of each label for one request, in DuckDB. */
interface Latest {
  readonly kinds: ReadonlyMap<string, Kind>;
  /** `"#"`, the number of a label, and the inputs: a table or a query in brackets; undefined where no label sees any. */
  readonly from: string | undefined;
  readonly seen: LastSeenRows;
}

/** What a join works with. */
export interface DuckdbJoinContext {
  readonly database: DuckdbDatabase;
  readonly session: Session;
  readonly kept: KeptTimelines<LastSeenRows>;
  /** Of the labels. */
  readonly source: TableSource;
  readonly options: LabelOptions;
}

/** The joins of one set of labels, within one session. */
export class DuckdbJoin implements AsyncDisposable {
  readonly #context: DuckdbJoinContext;
  readonly #run: DuckdbRun;
  readonly #labels: DuckdbLabels;
  /** True when the labels may come in several parts. */
  readonly #several: boolean;
  readonly #latest = new Map<JoinRequest, Latest>();
  readonly #held: LastSeenRows[] = [];
  readonly #arrow: OfflineEngine = arrow();

  constructor(context: DuckdbJoinContext, labels: DuckdbLabels) {
    this.#context = context;
    this.#labels = labels;
    this.#several = context.options.rowsPerPart !== undefined;
    this.#run = new DuckdbRun(context.session, this.#several);
  }

  /** The parts of the labels, with the joins that they share. */
  async *parts(): AsyncIterable<LabelPart> {
    for await (const columns of this.#labels.parts()) {
      yield {
        rows: columns.rows,
        columnNames: columns.names,
        readsAlike: columns.readsAlike,
        column: async (name) => columns.column(name),
        async *batches() {
          yield* columns.batches();
        },
        join: (request) => this.#join(columns, request),
      };
    }
  }

  async #join(columns: LabelColumns, request: JoinRequest): Promise<readonly FeatureColumn[]> {
    const { view, features, signal } = request;
    if (hasVectors(view)) {
      const { source, options } = this.#context;
      const { name, timezone } = source;
      const same = fromBatches(name, () => columns.batches(), timezone === undefined ? {} : { timezone });
      return await withLabels(this.#arrow, same, { time: options.time, signal }, (labels) => labels.join(request));
    }
    const kindOf = (name: string): string | undefined => view.features[name]?.kind;
    if (request.onTie === "error") assertNoTies(view, (await this.#run.timeline(view, request)).timeline);
    const found = new Map<string, FeatureColumn>();
    const windows = features.filter((name) => kindOf(name) === "window");
    const plain = features.filter((name) => kindOf(name) === "column");
    if (windows.length > 0) {
      for (const [name, column] of await this.#windows(columns, { ...request, features: windows }))
        found.set(name, column);
    }
    if (plain.length > 0) {
      const read = await this.#plain(columns, request, plain);
      plain.forEach((name, i) => found.set(name, read[i] as FeatureColumn));
    }
    return features.map((name) => found.get(name) as FeatureColumn);
  }

  async #windows(columns: LabelColumns, request: JoinRequest): Promise<Map<string, FeatureColumn>> {
    const { view } = request;
    const numbered = await this.#run.timeline(view, request);
    const { timeline } = numbered;
    const labels = await this.#labelTable(view);
    const grouped = await this.#run.groupLabels(view, numbered, labels, columns, columns.time);
    return joinWindows(request, timeline, visibility(timeline, request), grouped);
  }

  async #plain(
    { first, rows }: LabelColumns,
    request: JoinRequest,
    features: readonly string[],
  ): Promise<readonly FeatureColumn[]> {
    const latest = this.#latest.get(request) ?? (await this.#findLatest({ ...request, features }));
    const { connection } = this.#context.session;
    const { from, kinds } = latest;
    if (this.#several) {
      this.#latest.set(request, latest);
      const range = from && `(FROM ${from} WHERE "#" >= ${first} AND "#" < ${first + rows})`;
      return await readLatest(connection, { ...request, features }, kinds, {
        from: range,
        place: `"#" - ${first}`,
        rows,
      });
    }
    const read = await readLatest(connection, { ...request, features }, kinds, { from, place: `"#"`, rows });
    if (from?.startsWith("(") === false) await connection.run(`DROP TABLE ${from}`);
    this.#held.splice(this.#held.indexOf(latest.seen), 1);
    await latest.seen.release();
    return read;
  }

  async #labelTable(view: FeatureView): Promise<LabelTable> {
    const labels = await this.#labels.table(view.keys.map(({ name }) => name));
    assertLabelKeys(view, labels.table, this.#context.source.name);
    return labels;
  }

  async #findLatest(request: JoinRequest): Promise<Latest> {
    const { view, signal } = request;
    const { connection } = this.#context.session;
    const inputs = latestInputs(request);
    const labels = await this.#labelTable(view);
    const seen = await this.#lastSeen(request, inputs);
    signal?.throwIfAborted();
    const kinds = new Map(inputs.map((input) => [input, seen.inputs.get(input) as Kind]));
    const query = latestRows(request, inputs, seen, labels);
    // What is read once and in one pass is read as it is joined.
    const once = !this.#several && !inputs.some((input) => kinds.get(input) === "string");
    if (query === undefined || once) return { kinds, from: query, seen };
    const from = this.#context.session.newName("latest");
    await connection.run(`CREATE TEMP TABLE ${from} AS FROM ${query}${this.#several ? ' ORDER BY "#"' : ""}`);
    return { kinds, from, seen };
  }

  async #lastSeen(request: JoinRequest, inputs: readonly string[]): Promise<LastSeenRows> {
    const { view, knownAt, strict, signal } = request;
    const lasting = this.#context.kept.keeps(view.source);
    // What is kept serves later joins of other features too.
    const all = Object.keys(view.features).filter((name) => view.features[name]?.kind === "column");
    const wanted: LastSeenRequest = {
      view,
      knownAt,
      strict,
      inputs: lasting ? latestInputs({ view, features: all }) : inputs,
    };
    const maker: TimelineMaker<LastSeenRows> = {
      build: async () => {
        const source = await this.#run.source(view, wanted.inputs, { signal });
        return await buildLastSeen(this.#context.database, this.#context.session, wanted, source, lasting);
      },
      extend: async (earlier, fingerprint) => {
        const appended = await view.source.appendedSince?.(fingerprint);
        if (appended === undefined || earlier.rows === 0) return undefined;
        const source = { ...appended, name: view.source.name, timezone: view.source.timezone };
        const added = await this.#run.load(view, source, wanted.inputs, { signal, earlier: earlier.keys });
        if (added.rows === 0) return earlier;
        if (wanted.inputs.some((input) => added.kinds.get(input) !== earlier.inputs.get(input))) return undefined;
        return await extendLastSeen(this.#context.database, this.#context.session, wanted, earlier, added);
      },
    };
    const seen = await this.#context.kept.get(view.source, lastSeenOf(wanted), maker);
    this.#held.push(seen);
    return seen;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const seen of this.#held) await seen.release();
    await this.#labels[Symbol.asyncDispose]();
  }
}

/** Vectors gain nothing by a way through DuckDB: views that have some are joined by `arrow()`, to the same bits. */
export const hasVectors = ({ features }: FeatureView): boolean =>
  Object.values(features).some(({ type }) => dimensionsOf(type) !== undefined);
