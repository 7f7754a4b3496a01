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
  /** Reads labels, to join features to. @throws LABEL_TIME_NULL, TIMESTAMP_NAIVE, COLUMN_MISSING */
  labels(source: TableSource, options: EngineOptions & { readonly time: string }): Promise<LabelSession>;
}

export interface EngineOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface TimelineOptions extends EngineOptions {
  /** Columns of the source to read besides those that the view's features are computed from. */
  readonly columns?: readonly string[] | undefined;
}

/** Labels that have been read. Dispose it to free what the engine holds for them. */
export interface LabelSession extends AsyncDisposable {
  readonly rows: number;
  readonly columnNames: readonly string[];
  /** A column of the labels, in their order. @throws COLUMN_MISSING */
  column(name: string): Promise<ColumnData>;
  /** The labels as they came, in order. Can be read again, and after the session is disposed. */
  batches(): AsyncIterable<RecordBatch>;
  /** One column per feature asked for, in the order of the labels. */
  join(request: JoinRequest): Promise<readonly FeatureColumn[]>;
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
