import { RecordBatch, Schema, Struct, Table, Field, makeData } from "apache-arrow";
import { resolveSelection, type TrainingRow, type View } from "../define/selection.ts";
import { featureStoreError } from "../errors.ts";
import type { FeatureColumn, OutputOptions } from "../offline/feature-column.ts";
import type { LabelSession, OfflineEngine } from "../offline/port.ts";
import { fromBatches, fromTable, inUtc, type TableSource } from "../source/table-source.ts";
import { collect } from "../collect.ts";
import { digestOf } from "./digest.ts";
import { LeakCount, type LeakReport } from "./leak-report.ts";
import { onDemandColumns } from "./on-demand-columns.ts";

export interface TrainingSetOptions<Selection extends string = string> {
  /** The rows to join features to; every one comes out once, in this order. */
  readonly labels: Table | TableSource | AsyncIterable<RecordBatch>;
  /** The label column that says as of when features are wanted; default `"time"`. */
  readonly time?: string;
  readonly features: readonly Selection[];
  /** Cut off at what was known by then; default true. False leaks what only later became known. */
  readonly knownAt?: boolean;
  /** Leave out events at exactly the label's time; default false. */
  readonly strict?: boolean;
  /** State `"UTC"` when label timestamps without a zone are UTC. Without it they are refused. */
  readonly timezone?: "UTC";
  readonly output?: OutputOptions;
  /** Join a second time on event time alone and count what differs; default false, since it costs a second join. */
  readonly leakReport?: boolean;
  /** The label column of an on-demand input that is named otherwise. An input named `at` is the label's time by default. */
  readonly inputs?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** What a training set was made from: with the same manifest options and sources it can be made again, to the same digest. */
export interface TrainingManifest {
  readonly digest: string;
  readonly rows: number;
  readonly features: readonly string[];
  /** The version of each view: the content hash of its definition. */
  readonly views: Readonly<Record<string, string>>;
  /** The fingerprint of each source and of the labels; null where a source has none. */
  readonly sources: Readonly<Record<string, string | null>>;
  readonly labels: string | null;
  readonly options: {
    readonly time: string;
    readonly knownAt: boolean;
    readonly strict: boolean;
    readonly output: Required<OutputOptions>;
  };
}

/** Labels with their features. Columns: those of the labels, then the features, named `view:feature`. */
export interface TrainingSet<Row = Readonly<Record<string, unknown>>> {
  readonly rows: number;
  readonly columns: readonly string[];
  /** SHA-256 of the rows: equal digests are equal training sets. */
  readonly digest: string;
  readonly manifest: TrainingManifest;
  /** Present when it was asked for. */
  readonly leakReport: LeakReport | undefined;
  /** The features of one row. */
  row(index: number): Row;
  /** The rows in Arrow, at most 65,536 to a batch, in the order of the labels. Can be read again. */
  batches(): AsyncIterable<RecordBatch>;
  table(): Promise<Table>;
}

const rowsPerBatch = 65_536;

/** @see createFeatureStore, whose `trainingSet` this is */
export async function makeTrainingSet<const Views extends readonly View[], const Selection extends string>(
  engine: OfflineEngine,
  views: Views,
  options: TrainingSetOptions<Selection>,
): Promise<TrainingSet<TrainingRow<Views, Selection>>> {
  const { time = "time", knownAt = true, strict = false, output = {}, signal } = options;
  const selection = resolveSelection(views, options.features);
  const source = await labelSource(options);
  await using labels = await engine.labels(source, { time, signal });
  const computed = new Map<string, FeatureColumn>();
  const leak = options.leakReport === true ? new LeakCount(labels.rows) : undefined;
  for (const { view, features } of selection.views) {
    const request = { view, features, strict, output, signal };
    const columns = await labels.join({ ...request, knownAt });
    for (const column of columns) computed.set(column.name, column);
    if (leak === undefined || view.knownAt === undefined) continue;
    const other = await labels.join({ ...request, knownAt: !knownAt });
    leak.compare(columns, other);
  }
  const context = { time, inputs: options.inputs ?? {}, timezone: source.timezone, output, table: source.name };
  for (const each of selection.onDemand) {
    for (const column of await onDemandColumns(each, labels, context)) computed.set(column.name, column);
  }
  const columns = selection.names.map((name) => computed.get(name) as FeatureColumn);
  assertFreeNames(labels, columns);
  const batches = await collect(labels.batches());
  const digest = await digestOf(labels, batches, columns);
  const chosen = [...selection.views, ...selection.onDemand].map(({ view }) => view);
  const manifest: TrainingManifest = {
    digest,
    rows: labels.rows,
    features: selection.names,
    views: Object.fromEntries(chosen.map((view) => [view.name, view.version])),
    sources: await fingerprints(selection.views.map(({ view }) => view.source)),
    labels: (await source.fingerprint?.()) ?? null,
    options: {
      time,
      knownAt,
      strict,
      output: { float: output.float ?? "float64", integer: output.integer ?? "exact" },
    },
  };
  return trainingSet(labels, batches, columns, manifest, leak?.report());
}

async function labelSource({ labels, timezone }: TrainingSetOptions): Promise<TableSource> {
  const source = await tableOf(labels);
  return timezone === "UTC" ? inUtc(source) : source;
}

async function tableOf(labels: TrainingSetOptions["labels"]): Promise<TableSource> {
  if ("scan" in labels && typeof labels.scan === "function") return labels as TableSource;
  if ("batches" in labels) return fromTable("labels", labels);
  return fromBatches("labels", await collect(labels as AsyncIterable<RecordBatch>));
}

function assertFreeNames(labels: LabelSession, columns: readonly FeatureColumn[]): void {
  const taken = columns.find(({ name }) => labels.columnNames.includes(name));
  if (taken === undefined) return;
  const rule = "the labels have a column of that name already";
  throw featureStoreError("DEFINITION_INVALID", { of: "A training set", value: taken.name, rule });
}

async function fingerprints(sources: readonly TableSource[]): Promise<Record<string, string | null>> {
  const found: Record<string, string | null> = {};
  for (const source of new Set(sources)) found[source.name] = (await source.fingerprint?.()) ?? null;
  return found;
}

function trainingSet<Row>(
  { rows, columnNames }: LabelSession,
  labels: readonly RecordBatch[],
  features: readonly FeatureColumn[],
  manifest: TrainingManifest,
  leakReport: LeakReport | undefined,
): TrainingSet<Row> {
  async function* batches(): AsyncIterable<RecordBatch> {
    let at = 0;
    for (const batch of labels) {
      for (let start = 0; start < batch.numRows; start += rowsPerBatch) {
        const part = batch.slice(start, Math.min(start + rowsPerBatch, batch.numRows));
        yield widen(part, features, at);
        at += part.numRows;
      }
    }
  }

  return {
    rows,
    columns: [...columnNames, ...features.map(({ name }) => name)],
    digest: manifest.digest,
    manifest,
    leakReport,
    row: (index) => Object.fromEntries(features.map((column) => [column.name, column.get(index)])) as Row,
    batches,
    table: async () => new Table(await collect(batches())),
  };
}

/** The label rows of one batch with the features of the rows from `at`, which share the memory of their columns. */
function widen(batch: RecordBatch, features: readonly FeatureColumn[], at: number): RecordBatch {
  const data = features.map((feature) => feature.toArrow().slice(at, batch.numRows));
  const fields = features.map((feature, i) => new Field(feature.name, (data[i] as (typeof data)[number]).type, true));
  const schema = new Schema([...batch.schema.fields, ...fields], batch.schema.metadata);
  const children = [...batch.data.children, ...data];
  const struct = makeData({ type: new Struct(schema.fields), length: batch.numRows, nullCount: 0, children });
  return new RecordBatch(schema, struct);
}
