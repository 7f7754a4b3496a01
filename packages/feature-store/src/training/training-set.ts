import type { Duration } from "../define/duration.ts";
import { durationMicros } from "../define/duration.ts";
import type { FeatureView } from "../define/feature-view.ts";
import { resolveSelection, type View } from "../define/selection.ts";
import type { FeatureService } from "../define/service.ts";
import { featureStoreError } from "../errors.ts";
import type { FeatureColumn, OutputOptions } from "../offline/feature-column.ts";
import { type LabelPart, type OfflineEngine, withLabels } from "../offline/port.ts";
import { digestOf } from "./digest.ts";
import { type Labels, labelSource } from "./label-source.ts";
import { LeakCount, type LeakReport } from "./leak-report.ts";
import { type JoinOptions, manifestOf, type TrainingManifest } from "./manifest.ts";
import { onDemandColumns } from "./on-demand-columns.ts";
import { type TrainingRows, trainingRows } from "./rows.ts";

/** How labels and features are joined. */
export interface TrainingOptions {
  /** The rows to join features to; every one comes out once, in this order. */
  readonly labels: Labels;
  /** The label column that says as of when features are wanted; default `"time"`. */
  readonly time?: string;
  /** Cut off at what was known by then; default true. False leaks what only later became known. */
  readonly knownAt?: boolean;
  /** Leave out events at exactly the label's time; default false. */
  readonly strict?: boolean;
  /**
   * Two rows of one key with one event time (and one known time): `"last"`, the default, takes the one ingested last,
   * `"error"` refuses the source with TIE_FOUND.
   */
  readonly onTie?: "last" | "error";
  /** Plain columns look back no further than this, whatever the ttl of their view; default as far as the ttl. */
  readonly lookBack?: Duration;
  /** State `"UTC"` when label timestamps without a zone are UTC. Without it they are refused. */
  readonly timezone?: "UTC";
  readonly output?: OutputOptions;
  /** Join a second time on event time alone and count what differs; default false, since it costs a second join. */
  readonly leakReport?: boolean;
  /** The label column of an on-demand input that is named otherwise. An input named `at` is the label's time by default. */
  readonly inputs?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface TrainingSetOptions<Selection extends string = string> extends TrainingOptions {
  readonly features: readonly Selection[];
}

/** A training set of the features a service selects, by its pinned definitions. */
export interface ServiceTrainingSetOptions<Service extends FeatureService = FeatureService> extends TrainingOptions {
  readonly service: Service;
}

/** Labels with their features. Columns: those of the labels, then the features, named `view:feature`. */
export interface TrainingSet<Row = Readonly<Record<string, unknown>>> extends TrainingRows {
  readonly rows: number;
  readonly columns: readonly string[];
  /** SHA-256 of the rows: equal digests are equal training sets. */
  readonly digest: string;
  readonly manifest: TrainingManifest;
  /** Present when it was asked for. */
  readonly leakReport: LeakReport | undefined;
  /** The features of one row. */
  row(index: number): Row;
}

/** @see createFeatureStore, whose `trainingSet` this is. The caller states what a row is, from the selection. */
export async function makeTrainingSet<Row>(
  engine: OfflineEngine,
  views: readonly View[],
  options: TrainingOptions & { readonly features: readonly string[]; readonly service?: FeatureService },
): Promise<TrainingSet<Row>> {
  const { output = {}, signal } = options;
  const join = joinOptions(options);
  const { time, knownAt, strict, onTie } = join;
  const selection = resolveSelection(views, options.features);
  const source = await labelSource(options.labels, options.timezone);
  return await withLabels(engine, source, { time, signal }, async (labels) => {
    const computed = new Map<string, FeatureColumn>();
    const leak = options.leakReport === true ? new LeakCount(labels.rows) : undefined;
    for (const { view, features } of selection.views) {
      const request = { view: bounded(view, options.lookBack), features, strict, onTie, output, signal };
      const columns = await labels.join({ ...request, knownAt });
      for (const column of columns) computed.set(column.name, column);
      if (leak === undefined || view.knownAt === undefined) continue;
      const other = await labels.join({ ...request, knownAt: !knownAt });
      leak.compare(columns, other);
    }
    const context = { time, inputs: join.inputs, timezone: source.timezone, output, table: source.name };
    for (const each of selection.onDemand) {
      for (const column of await onDemandColumns(each, labels, context)) computed.set(column.name, column);
    }
    const columns = selection.names.map((name) => computed.get(name) as FeatureColumn);
    assertFreeNames(labels, columns);
    const digest = await digestOf(labels, columns);
    const used = [...selection.views, ...selection.onDemand].map(({ view }): View => view);
    const made = { digest, rows: labels.rows, features: selection.names, options: join };
    return {
      rows: labels.rows,
      columns: [...labels.columnNames, ...selection.names],
      digest,
      manifest: await manifestOf(made, used, source, options.service),
      leakReport: leak?.report(),
      row: (index) => Object.fromEntries(columns.map((column) => [column.name, column.get(index)])) as Row,
      ...trainingRows(() => labels.batches(), columns),
    };
  });
}

function joinOptions(options: TrainingOptions): JoinOptions {
  const { time = "time", knownAt = true, strict = false, onTie = "last", output = {} } = options;
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

/** The view with a ttl of at most `lookBack`. */
function bounded(view: FeatureView, lookBack: Duration | undefined): FeatureView {
  if (lookBack === undefined) return view;
  const ttl = durationMicros(lookBack, "lookBack");
  return ttl < view.ttl ? { ...view, ttl } : view;
}

function assertFreeNames(labels: LabelPart, columns: readonly FeatureColumn[]): void {
  const taken = columns.find(({ name }) => labels.columnNames.includes(name));
  if (taken === undefined) return;
  const rule = "the labels have a column of that name already";
  throw featureStoreError("DEFINITION_INVALID", { of: "A training set", value: taken.name, rule });
}
