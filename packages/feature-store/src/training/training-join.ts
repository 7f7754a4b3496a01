import { durationMicros } from "../define/duration.ts";
import type { Duration } from "../define/duration.ts";
import type { FeatureView } from "../define/feature-view.ts";
import { type ResolvedSelection, resolveSelection, type View } from "../define/selection.ts";
import { featureStoreError } from "../errors.ts";
import type { FeatureColumn } from "../offline/feature-column.ts";
import type { JoinRequest, LabelPart, OfflineEngine } from "../offline/port.ts";
import type { TableSource } from "../source/table-source.ts";
import { RowsDigest } from "./digest.ts";
import { labelSource } from "./label-source.ts";
import { LeakCount, type LeakReport } from "./leak-report.ts";
import { type JoinOptions, manifestOf, type TrainingManifest } from "./manifest.ts";
import { onDemandColumns, type OnDemandOptions } from "./on-demand-columns.ts";
import type { SelectionOptions, TrainingOptions } from "./training-options.ts";

/** Labels and the features of them, in the order of the selection. */
export interface JoinedPart {
  readonly labels: LabelPart;
  readonly features: readonly FeatureColumn[];
}

/** What is known of a training set once all of its parts were joined. */
export interface TrainingSummary {
  readonly rows: number;
  readonly columns: readonly string[];
  /** SHA-256 of the rows: equal digests are equal training sets. */
  readonly digest: string;
  readonly manifest: TrainingManifest;
  /** Present when it was asked for. */
  readonly leakReport: LeakReport | undefined;
}

/** A training set in the making: joined part by part, digested and counted as it goes. */
export class TrainingJoin {
  readonly #engine: OfflineEngine;
  readonly #options: TrainingOptions & SelectionOptions;
  readonly #join: JoinOptions;
  readonly #selection: ResolvedSelection;
  readonly #requests: readonly ViewRequests[];
  #digest: RowsDigest;
  readonly #leak: LeakCount | undefined;
  #source: TableSource | undefined;
  #labelColumns: readonly string[] = [];
  #rows = 0;

  /** @throws FEATURE_UNKNOWN, DURATION_INVALID, DEFINITION_INVALID */
  constructor(engine: OfflineEngine, views: readonly View[], options: TrainingOptions & SelectionOptions) {
    this.#engine = engine;
    this.#options = options;
    this.#join = joinOptions(options);
    this.#digest = new RowsDigest(this.#join.time, true);
    this.#selection = resolveSelection(views, options.features);
    this.#leak = options.leakReport === true ? new LeakCount() : undefined;
    const { knownAt, strict, onTie } = this.#join;
    const { output = {}, signal } = options;
    this.#requests = this.#selection.views.map(({ view, features }) => {
      const asked = { view: bounded(view, options.lookBack), features, knownAt, strict, onTie, output, signal };
      const compared = this.#leak !== undefined && view.knownAt !== undefined;
      return { asked, leaky: compared ? { ...asked, knownAt: !knownAt } : undefined };
    });
  }

  /** The parts, once, in order. */
  async *parts(rowsPerPart?: number): AsyncIterable<JoinedPart> {
    const { signal, labels, timezone } = this.#options;
    const { time } = this.#join;
    const source = labelSource(labels, timezone);
    this.#digest = new RowsDigest(time, rowsPerPart === undefined);
    this.#source = source;
    for await (const part of this.#engine.labels(source, { time, signal, rowsPerPart })) {
      signal?.throwIfAborted();
      if (this.#rows === 0) this.#labelColumns = part.columnNames;
      const features = await this.#features(part, source);
      await this.#digest.add(part, features);
      this.#rows += part.rows;
      yield { labels: part, features };
    }
  }

  /** Of all parts, when the last was asked for. */
  async summary(): Promise<TrainingSummary> {
    const { names, views, onDemand } = this.#selection;
    const used = [...views, ...onDemand].map(({ view }): View => view);
    const digest = this.#digest.hex();
    const made = { digest, rows: this.#rows, features: names, options: this.#join };
    return {
      rows: this.#rows,
      columns: [...this.#labelColumns, ...names],
      digest,
      manifest: await manifestOf(made, used, this.#source as TableSource, this.#options.service),
      leakReport: this.#leak?.report(),
    };
  }

  async #features(labels: LabelPart, source: TableSource): Promise<readonly FeatureColumn[]> {
    const taken = this.#selection.names.find((name) => labels.columnNames.includes(name));
    if (taken !== undefined) {
      const rule = "the labels have a column of that name already; rename it";
      throw featureStoreError("DEFINITION_INVALID", { of: "A training set", value: taken, rule });
    }
    const computed = new Map<string, FeatureColumn>();
    this.#leak?.begin(labels.rows);
    for (const { asked, leaky } of this.#requests) {
      const columns = await labels.join(asked);
      for (const column of columns) computed.set(column.name, column);
      if (leaky !== undefined) this.#leak?.compare(columns, await labels.join(leaky));
    }
    const context: OnDemandOptions = {
      time: this.#join.time,
      inputs: this.#join.inputs,
      timezone: source.timezone,
      output: this.#options.output ?? {},
      table: source.name,
    };
    for (const each of this.#selection.onDemand) {
      for (const column of await onDemandColumns(each, labels, context)) computed.set(column.name, column);
    }
    return this.#selection.names.map((name) => computed.get(name) as FeatureColumn);
  }
}

/** The join of one view, and the one it is compared with. */
interface ViewRequests {
  readonly asked: JoinRequest;
  readonly leaky: JoinRequest | undefined;
}

function joinOptions(options: TrainingOptions): JoinOptions {
  const { time = "time", knownAt = true, strict = false, onTie = "last", output = {} } = options;
  assertOneOf("onTie", onTie, ["last", "error"]);
  assertOneOf("output.float", output.float, [undefined, "float32", "float64"]);
  assertOneOf("output.integer", output.integer, [undefined, "exact", "float"]);
  return {
    time,
    knownAt,
    strict,
    onTie,
    lookBack: options.lookBack ?? null,
    output: { float: output.float ?? "float64", integer: output.integer ?? "exact" },
    inputs: options.inputs ?? {},
    timezone: options.timezone ?? null,
  };
}

/** Options may come from a manifest that was kept as JSON. @throws DEFINITION_INVALID */
function assertOneOf(name: string, value: unknown, known: readonly unknown[]): void {
  if (known.includes(value)) return;
  const rule = `"${name}" is one of ${known.filter((each) => each !== undefined).join(", ")}`;
  throw featureStoreError("DEFINITION_INVALID", { of: "A training set", value, rule });
}

/** The view with a ttl of at most `lookBack`. */
function bounded(view: FeatureView, lookBack: Duration | undefined): FeatureView {
  if (lookBack === undefined) return view;
  const ttl = durationMicros(lookBack, "lookBack");
  return ttl < view.ttl ? { ...view, ttl } : view;
}
