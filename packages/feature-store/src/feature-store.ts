import type { Clock, Logger } from "@ashlar/core";
import type { FeatureView } from "./define/feature-view.ts";
import type { EntityRow, FeatureValue, Selected, Selector, TrainingRow, View } from "./define/selection.ts";
import type { FeatureService } from "./define/service.ts";
import type { FeatureLog } from "./log/feature-log.ts";
import type { SkewOptions, SkewReport } from "./log/skew.ts";
import type { BackfillOptions, BackfillResult } from "./materialize/backfill.ts";
import type { Materializer, MaterializeResult } from "./materialize/materializer.ts";
import type { ParityOptions, ParityReport } from "./materialize/parity.ts";
import type { RemovedCopies, RemoveRetiredOptions } from "./materialize/retire.ts";
import type { NearestOptions, Neighbour, VectorFeature } from "./nearest/nearest.ts";
import type { SearchLimits } from "./nearest/searches.ts";
import type { OfflineEngine } from "./offline/port.ts";
import type { OnlineStore } from "./online/port.ts";
import type { PushResult } from "./push/add-events.ts";
import type { PushEvent } from "./push/events.ts";
import type { PushOptions } from "./push/push.ts";
import type { HandlerOptions } from "./serve/handler.ts";
import type { OnlineColumns } from "./serve/online-columns.ts";
import type { Reading } from "./serve/read.ts";
import type { TrainingManifest } from "./training/manifest.ts";
import type { ReplayOptions, ReplayWriteOptions } from "./training/replay.ts";
import type { TrainingSummary } from "./training/training-join.ts";
import type { ServiceTrainingSetOptions, TrainingSetOptions } from "./training/training-options.ts";
import type { TrainingSet } from "./training/training-set.ts";
import type { WriteOptions } from "./training/write-training-set.ts";

export interface FeatureStoreOptions<Views extends readonly View[]> {
  readonly views: Views;
  /** What joins over history; default `arrow()`, plain JavaScript. */
  readonly offline?: OfflineEngine;
  /** Where the newest values are read from; default `memory()`. */
  readonly online?: OnlineStore;
  /**
   * Older definitions of the views, the newest first. Until a `backfill` of the new one has come to its end they serve under its
   * name: features that both have, by the older one's ttl. Default none.
   */
  readonly previous?: readonly FeatureView[];
  /** What is served is noted here, and flushed when the store is disposed; default none. */
  readonly logs?: readonly FeatureLog[];
  /** How many searches by `nearest` may be under way and wait; default 4 and 64. */
  readonly searches?: SearchLimits;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

export interface ReadOptions<Row, Selection> {
  /** One row per entity: the keys of the selected views and the inputs of the selected on-demand views. */
  readonly entities: readonly Row[];
  readonly features: readonly Selection[];
  /** Epoch milliseconds that ages are reckoned at; default now. */
  readonly at?: number;
  /** Names the read in logs; default a random UUID. */
  readonly requestId?: string;
  readonly signal?: AbortSignal;
}

export interface ServiceReadOptions<Row, Service extends FeatureService> extends Omit<
  ReadOptions<Row, never>,
  "features"
> {
  /** Read the features it selects, by its pinned definitions. */
  readonly service: Service;
}

/** The values of one entity, each with its status and age. */
export type Vector<Views extends readonly View[], Selection extends string> = {
  readonly [Name in Selected<Views, Selection>]: Reading<FeatureValue<Views, Name>>;
};

export interface MaterializerOptions {
  /** Epoch milliseconds up to which nothing is written; default the watermark of the online store, or the beginning. */
  readonly from?: number;
  readonly signal?: AbortSignal;
}

export interface MaterializeOptions extends MaterializerOptions {
  /** Epoch milliseconds to bring the view up to. */
  readonly until: number;
  /**
   * Bytes of the source to hold at once: of a view without windows the last row of each entity, of one with windows all rows,
   * of which a timeline takes some three times as much. Where there is more, the source is scanned once for each share of the
   * entities. At least 4 MiB. A view that takes pushed events is not bounded by it. Default 512 MiB.
   */
  readonly memoryBytes?: number;
}

/** Features of some views: joined to labels, materialised, and read. */
export interface FeatureStore<Views extends readonly View[]> extends AsyncDisposable {
  readonly views: Views;
  /**
   * Joins features to labels as they were known at each label's time. Rows out are rows in, in their order.
   *
   * @throws FEATURE_UNKNOWN, COLUMN_MISSING, COLUMN_TYPE_MISMATCH, TIMESTAMP_NAIVE, TIMESTAMP_INVALID, LABEL_TIME_NULL,
   * VALUE_OUT_OF_RANGE, ON_DEMAND_FAILED, TIE_FOUND
   */
  trainingSet<const Selection extends Selector<Views>>(
    options: TrainingSetOptions<Selection>,
  ): Promise<TrainingSet<TrainingRow<Views, Selection>>>;
  /** The same for the features of a service, by the definitions it pins. */
  trainingSet<Service extends FeatureService>(
    options: ServiceTrainingSetOptions<Service>,
  ): Promise<TrainingSet<TrainingRow<Service["views"], Service["selection"][number]>>>;
  /**
   * Joins as {@link trainingSet} does, to the same digest, into a sink and part by part: what is in memory does not grow with
   * the labels. The sink has all rows when this resolves, and none when it rejects. Features of text are Arrow strings.
   *
   * @throws what `trainingSet` throws, and what the sink does
   */
  writeTrainingSet<const Selection extends Selector<Views>>(
    options: (TrainingSetOptions<Selection> | ServiceTrainingSetOptions) & WriteOptions,
  ): Promise<TrainingSummary>;
  /**
   * Makes the training set of a manifest again, with the same digest: in memory or, given `to`, into a sink, which keeps nothing
   * when the digest would be another.
   *
   * @throws REPLAY_MISMATCH naming what changed since
   */
  replay(manifest: TrainingManifest, options: ReplayWriteOptions): Promise<TrainingSummary>;
  replay(manifest: TrainingManifest, options: ReplayOptions): Promise<TrainingSet>;
  /**
   * Brings the online store up to `until` (epoch milliseconds): rows visible at or before it. Goes on from the watermark,
   * or from `from`; it can be repeated and, when killed, done again. It writes the copy of this very definition.
   *
   * @throws MATERIALIZE_INVALID
   */
  materialize(view: Views[number] & FeatureView, options: MaterializeOptions): Promise<MaterializeResult>;
  /** Reads the view's history once, to materialise it in many small steps. */
  materializer(
    view: Views[number] & FeatureView,
    options?: MaterializerOptions & { readonly until?: number },
  ): Promise<Materializer>;
  /**
   * Takes events of a view with a push source as they happen, by the columns of its source. Each counts once, however often
   * it comes, by its id; windows are computed as of the moment of a read. When it rejects, push the same events again.
   *
   * @throws PUSH_INVALID, COLUMN_TYPE_MISMATCH, VALUE_OUT_OF_RANGE, before anything is changed; TILE_FULL, PUSH_CONFLICT
   */
  push(view: Views[number] & FeatureView, events: readonly PushEvent[], options?: PushOptions): Promise<PushResult>;
  /** Pushes batch after batch: the next is asked for when the one before is durable. A store that is away is tried again. */
  consume(
    view: Views[number] & FeatureView,
    batches: AsyncIterable<readonly PushEvent[]>,
    options?: PushOptions,
  ): Promise<PushResult>;
  /**
   * Compares a sample of entities online with the point-in-time join of the same moment.
   *
   * @throws MATERIALIZE_INVALID
   */
  checkParity(view: Views[number] & FeatureView, options?: ParityOptions): Promise<ParityReport>;
  /**
   * Compares what a log has with the point-in-time join at the moment of each read, value by value, and counts causes. The
   * features are those that the log was made for.
   *
   * @throws FEATURE_UNKNOWN, COLUMN_MISSING, COLUMN_TYPE_MISMATCH, TIMESTAMP_NAIVE, LABEL_TIME_NULL
   */
  checkSkew(
    options: SkewOptions & ({ readonly features: readonly Selector<Views>[] } | { readonly service: FeatureService }),
  ): Promise<SkewReport>;
  /**
   * Writes a copy of the view from history beside what serves, and then has it serve, by one exchange of one value: for a new
   * definition, or after history was corrected. Reads go on, each by one copy, and other processes see the flip within a
   * second. When it is killed or rejects, what served serves on, and calling it again goes on from the last step.
   *
   * @throws MATERIALIZE_INVALID, also for a second copy of a view that takes pushed events; BACKFILL_SUPERSEDED
   */
  backfill(view: Views[number] & FeatureView, options?: BackfillOptions): Promise<BackfillResult>;
  /** Removes copies that ceased to serve, and that no service given pins. When it is killed, call it again. */
  removeRetired(view: Views[number] & FeatureView, options?: RemoveRetiredOptions): Promise<RemovedCopies>;
  /** Epoch milliseconds up to which what serves the view is materialised. */
  watermark(view: Views[number] & FeatureView): Promise<number | undefined>;
  /** Reads features of entities from the online store. @throws FEATURE_UNKNOWN, ENTITY_KEY_INVALID, ON_DEMAND_FAILED */
  read<const Selection extends Selector<Views>>(
    options: ReadOptions<EntityRow<Views, Selection>, Selection>,
  ): Promise<Vector<Views, Selection>[]>;
  /** The same for the features of a service, by the definitions it pins. */
  read<Service extends FeatureService>(
    options: ServiceReadOptions<EntityRow<Service["views"], Service["selection"][number]>, Service>,
  ): Promise<Vector<Service["views"], Service["selection"][number]>[]>;
  /**
   * Reads features column by column: typed arrays of values, statuses and ages, and a matrix for models. The values are those
   * of `read`, without an object for each.
   *
   * @throws FEATURE_UNKNOWN, ENTITY_KEY_INVALID, ON_DEMAND_FAILED
   */
  readColumns<const Selection extends Selector<Views>>(
    options: ReadOptions<EntityRow<Views, Selection>, Selection>,
  ): Promise<OnlineColumns<Selected<Views, Selection>>>;
  /** The same for the features of a service, by the definitions it pins. */
  readColumns<Service extends FeatureService>(
    options: ServiceReadOptions<EntityRow<Service["views"], Service["selection"][number]>, Service>,
  ): Promise<OnlineColumns<Selected<Service["views"], Service["selection"][number]>>>;
  /**
   * The entities whose vectors are nearest to one, exactly: every vector that serves is looked at, so that none is missed and
   * what is written is found at once. Of equal scores the lesser key comes first.
   *
   * @throws REQUEST_INVALID, SEARCHES_BUSY
   */
  nearest<View extends Views[number] & FeatureView>(
    view: View,
    options: NearestOptions<VectorFeature<View>>,
  ): Promise<readonly Neighbour[]>;
  /**
   * Serves reads over HTTP: `POST /read` in JSON or Arrow, `POST /nearest`, `POST /get-online-features` in Feast's shape,
   * `GET /openapi.json`.
   *
   * @throws REQUEST_INVALID for a limit out of range
   */
  handler(options?: HandlerOptions): (request: Request) => Promise<Response>;
}
