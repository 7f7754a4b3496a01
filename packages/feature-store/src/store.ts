import { randomUUID } from "node:crypto";
import { type Clock, type Logger, silentLogger, systemClock } from "@ashlar/core";
import type { FeatureView } from "./define/feature-view.ts";
import {
  assertDistinctNames,
  type DistinctNames,
  type EntityRow,
  type FeatureValue,
  type Selected,
  type Selector,
  type TrainingRow,
  type View,
} from "./define/selection.ts";
import type { FeatureService } from "./define/service.ts";
import { featureStoreError } from "./errors.ts";
import { logDefinition } from "./log/definition.ts";
import type { FeatureLog } from "./log/feature-log.ts";
import { measureSkew, type SkewOptions, type SkewReport } from "./log/skew.ts";
import { backfill, type BackfillContext, type BackfillOptions, type BackfillResult } from "./materialize/backfill.ts";
import { createMaterializer, type Materializer, type MaterializeResult } from "./materialize/materializer.ts";
import { checkParity, type ParityOptions, type ParityReport } from "./materialize/parity.ts";
import { removeRetired, type RemovedCopies, type RemoveRetiredOptions } from "./materialize/retire.ts";
import { createServing } from "./materialize/serving.ts";
import { nearest, type NearestOptions, type Neighbour, type VectorFeature } from "./nearest/nearest.ts";
import { arrow } from "./offline/arrow.ts";
import type { OfflineEngine } from "./offline/port.ts";
import { memory } from "./online/memory.ts";
import type { OnlineStore } from "./online/port.ts";
import type { PushResult } from "./push/add-events.ts";
import type { PushEvent } from "./push/events.ts";
import { consumeEvents, isPushed, pushEvents, type PushOptions } from "./push/push.ts";
import { createSeeder } from "./push/seed.ts";
import { createHandler, type HandlerOptions } from "./serve/handler.ts";
import type { OnlineColumns } from "./serve/online-columns.ts";
import { readColumns } from "./serve/read-columns.ts";
import { type FindServed, type Reading, readOnline, type Readings, type ReadRequest } from "./serve/read.ts";
import type { TrainingManifest } from "./training/manifest.ts";
import { replay, type ReplayOptions } from "./training/replay.ts";
import {
  makeTrainingSet,
  type ServiceTrainingSetOptions,
  type TrainingSet,
  type TrainingSetOptions,
} from "./training/training-set.ts";

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
   * Makes the training set of a manifest again, with the same digest.
   *
   * @throws REPLAY_MISMATCH naming what changed since
   */
  replay(manifest: TrainingManifest, options: ReplayOptions): Promise<TrainingSet>;
  /**
   * Brings the online store up to `until` (epoch milliseconds): rows visible at or before it. Goes on from the watermark,
   * or from `from`; it can be repeated and, when killed, done again. It writes the copy of this very definition.
   *
   * @throws MATERIALIZE_INVALID
   */
  materialize(
    view: Views[number] & FeatureView,
    options: MaterializerOptions & { readonly until: number },
  ): Promise<MaterializeResult>;
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
   * @throws REQUEST_INVALID
   */
  nearest<View extends Views[number] & FeatureView>(
    view: View,
    options: NearestOptions<VectorFeature<View>>,
  ): Promise<readonly Neighbour[]>;
  /**
   * Serves reads over HTTP: `POST /read` in JSON or Arrow, `POST /get-online-features` in Feast's shape, `GET /openapi.json`.
   *
   * @throws REQUEST_INVALID for a limit out of range
   */
  handler(options?: HandlerOptions): (request: Request) => Promise<Response>;
}

/**
 * Makes a feature store. Nothing is opened or read until it is used.
 *
 * @throws VIEW_NAME_COLLISION when two views share a name, which does not compile either
 */
export function createFeatureStore<const Views extends readonly View[]>(
  options: FeatureStoreOptions<Views> & { readonly views: DistinctNames<Views> },
): FeatureStore<Views> {
  const { offline = arrow(), online = memory(), logs = [], clock = systemClock, logger = silentLogger } = options;
  const views: Views = options.views;
  assertDistinctNames(views);

  const serving = createServing(online, clock, options.previous ?? []);

  function assertOwn(view: FeatureView, value: unknown): void {
    if (views.includes(view)) return;
    throw featureStoreError("MATERIALIZE_INVALID", { view: view.name, value, rule: "the store has no such view" });
  }

  /** A materialiser into one copy of a view, and when its first event was. */
  async function into(
    view: FeatureView,
    { namespace, from, until = Infinity, signal }: MaterializerOptions & { namespace: string; until?: number },
  ): Promise<{ readonly materializer: Materializer; readonly first: number }> {
    const columns = isPushed(view) ? [view.push.id] : [];
    const start = from ?? (await online.watermark(namespace)) ?? -Infinity;
    const timeline = await offline.timeline(view, { signal, columns });
    if (timeline.ignored.nullEventTime + timeline.ignored.nullKey > 0) {
      logger.warn({ view: view.name, ...timeline.ignored }, "rows without a key or an event time are ignored");
    }
    const range = { from: start, limit: until };
    const first = timeline.event.reduce((least, event) => Math.min(least, event), Infinity) / 1000;
    const materializer = isPushed(view)
      ? createSeeder(view, timeline, online, range)
      : createMaterializer(view, timeline, online, { ...range, namespace });
    return { materializer, first: Math.floor(first) };
  }

  async function materializer(
    view: FeatureView,
    request: MaterializerOptions & { readonly until?: number } = {},
  ): Promise<Materializer> {
    assertOwn(view, request.until);
    const namespace = await serving.namespace(view);
    const made = await into(view, { ...request, namespace });
    return {
      async advance(until, given) {
        if ((await serving.namespace(view)) !== namespace) {
          const rule = "a backfill has put another copy in place of the one it writes; make a new materialiser";
          throw featureStoreError("MATERIALIZE_INVALID", { view: view.name, value: until, rule });
        }
        return await made.materializer.advance(until, given);
      },
    };
  }

  const backfills: BackfillContext = { online, serving, now: () => clock.now(), materializer: into };

  async function logged<Result>(
    request: ReadRequest,
    of: readonly View[],
    work: (find: FindServed) => Promise<Result>,
    rowsOf: (result: Result) => readonly Readings[],
  ): Promise<Result> {
    const find = of === views ? serving.byName : serving.pinned;
    if (logs.length === 0) return work(find);
    // A log must know by which definition a value was served.
    const others = new Map<View, View>();
    const result = await work(async (view) => {
      const served = await find(view);
      if (served.view !== view) others.set(view, served.view);
      return served;
    });
    const by = others.size === 0 ? of : of.map((view) => others.get(view) ?? view);
    const { requestId = randomUUID(), at, entities } = request;
    const rows = rowsOf(result);
    for (const log of logs) log.record({ requestId, at, views: by, entities, rows });
    return result;
  }

  const read = (request: ReadRequest, of: readonly View[] = views): Promise<Readings[]> =>
    logged(
      request,
      of,
      (find) => readOnline(of, online, request, find),
      (rows) => rows,
    );

  const push = (view: FeatureView, events: readonly PushEvent[], request: PushOptions = {}): Promise<PushResult> =>
    pushEvents(view, online, events, { ...request, now: clock.now() });

  return {
    views,
    materializer,
    push,
    consume: (view, batches, request = {}) =>
      consumeEvents(batches, (events) => push(view, events, request), request.signal),
    // What a row is, the overloads say.
    trainingSet(request: TrainingSetOptions | ServiceTrainingSetOptions) {
      if (!("service" in request)) return makeTrainingSet<never>(offline, views, request);
      return makeTrainingSet<never>(offline, request.service.views, { ...request, features: request.service.features });
    },
    replay: (manifest, request) => replay(offline, views, manifest, request),
    async materialize(view, request) {
      const reached = await online.watermark(await serving.namespace(view));
      if (request.from === undefined && reached !== undefined && request.until <= reached) {
        return { written: 0, watermark: reached };
      }
      const started = clock.monotonic();
      const result = await (
        await materializer(view, request)
      ).advance(request.until, request.signal === undefined ? {} : { signal: request.signal });
      logger.info({ view: view.name, ...result, ms: clock.monotonic() - started }, "materialised");
      return result;
    },
    checkParity: (view, request = {}) => checkParity(view, offline, online, request, serving.pinned),
    checkSkew: async (request) =>
      measureSkew(offline, logDefinition("service" in request ? request : { ...request, views }), request),
    async backfill(view, request = {}) {
      assertOwn(view, request.until);
      const result = await backfill(backfills, view, request);
      logger.info({ view: view.name, ...result }, "backfilled");
      return result;
    },
    removeRetired: (view, request = {}) => removeRetired(backfills, view, request),
    watermark: async (view) => online.watermark((await serving.byName(view)).namespace),
    async read(request: ReadOptions<unknown, string> | ServiceReadOptions<unknown, FeatureService>) {
      const asked = askedOf(request, clock);
      return (await read(asked.request, asked.views)) as never[];
    },
    async readColumns(request: ReadOptions<unknown, string> | ServiceReadOptions<unknown, FeatureService>) {
      const { request: asked, views: of = views } = askedOf(request, clock);
      const columns = await logged(
        asked,
        of,
        (find) => readColumns(of, online, asked, find),
        (made) => made.rows(),
      );
      return columns as OnlineColumns<never>;
    },
    async nearest(view: FeatureView, request: NearestOptions) {
      const { at = clock.now() } = request;
      return await nearest(online, await serving.byName(view), { ...request, at });
    },
    handler: (request = {}) => createHandler({ views, read, now: () => clock.now(), logger }, request),
    async [Symbol.asyncDispose]() {
      for (const log of logs) await log[Symbol.asyncDispose]();
      await online[Symbol.asyncDispose]();
    },
  };
}

/** What a read asks for, and the views that its service pins. */
function askedOf(
  request: ReadOptions<unknown, string> | ServiceReadOptions<unknown, FeatureService>,
  clock: Clock,
): { readonly request: ReadRequest; readonly views: readonly View[] | undefined } {
  const service = "service" in request ? request.service : undefined;
  const features = "service" in request ? request.service.features : request.features;
  const entities = request.entities as readonly Readonly<Record<string, unknown>>[];
  const { at = clock.now(), requestId, signal } = request;
  return { request: { entities, features, at, requestId, signal }, views: service?.views };
}
