import type { RecordBatch } from "apache-arrow";
import type { FeatureView } from "../define/feature-view.ts";
import type { TableSource } from "../source/table-source.ts";
import type { ColumnData } from "./column-data.ts";
import type { FeatureColumn, OutputOptions } from "./feature-column.ts";
import type { Timeline } from "./timeline.ts";

/**
 * What computes features over the history of sources. `describeOfflineEngine` of `@ashlar/feature-store/testing` proves
 * an implementation against a naive one.
 */
export interface OfflineEngine {
  readonly name: string;
  /** Reads the source of a view and puts its rows in order. @throws COLUMN_MISSING, COLUMN_TYPE_MISMATCH, TIMESTAMP_NAIVE */
  timeline(view: FeatureView, options: TimelineOptions): Promise<Timeline>;
  /**
   * Reads labels, to join features to, part by part in their order; at least one part, of no rows where there are none. What
   * the joins read of a source is read once for all parts.
   *
   * @throws LABEL_TIME_NULL, TIMESTAMP_NAIVE, COLUMN_MISSING
   */
  labels(source: TableSource, options: LabelOptions): AsyncIterable<LabelPart>;
  /** Frees what is kept between joins; a later join makes it anew. */
  [Symbol.asyncDispose]?(): Promise<void>;
}

export interface EngineOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface TimelineOptions extends EngineOptions {
  /** Columns of the source to read besides those that the view's features are computed from. */
  readonly columns?: readonly string[] | undefined;
}

export interface LabelOptions extends EngineOptions {
  /** The column with the time of each label. */
  readonly time: string;
  /** How many rows a part has at most; default all, so that there is one part. */
  readonly rowsPerPart?: number | undefined;
}

/** Labels that have been read, for as long as the next part is not asked for. */
export interface LabelPart {
  readonly rows: number;
  readonly columnNames: readonly string[];
  /**
   * True where `column` gives a column of every part if it does of one. Elsewhere one value can be what no column may hold.
   * Default false.
   */
  readonly readsAlike?: boolean;
  /** A column of the labels, in their order. @throws COLUMN_MISSING */
  column(name: string): Promise<ColumnData>;
  /** The labels as they came, in order. Can be read again, and for ever. */
  batches(): AsyncIterable<RecordBatch>;
  /**
   * One column per feature asked for, in the order of the labels. Joins of one request object, part after part, share what
   * can be shared.
   */
  join(request: JoinRequest): Promise<readonly FeatureColumn[]>;
}

/** Runs `work` on all labels as one part. */
export async function withLabels<Result>(
  engine: OfflineEngine,
  source: TableSource,
  options: Omit<LabelOptions, "rowsPerPart">,
  work: (labels: LabelPart) => Promise<Result>,
): Promise<Result> {
  const results: Result[] = [];
  for await (const labels of engine.labels(source, options)) results.push(await work(labels));
  return results[0] as Result;
}

export interface JoinRequest extends EngineOptions {
  readonly view: FeatureView;
  readonly features: readonly string[];
  /** True: only what was known by then counts. Ignored for a view without `knownAt`. */
  readonly knownAt: boolean;
  /** True: an event at exactly the label's time does not count. */
  readonly strict: boolean;
  /** `"error"`: refuse rows of one key that only the order of ingestion tells apart. @throws TIE_FOUND */
  readonly onTie: "last" | "error";
  readonly output: OutputOptions;
}
