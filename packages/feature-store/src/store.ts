import { type Clock, silentLogger, systemClock } from "@ashlar/core";
import type { FeatureView } from "./define/feature-view.ts";
import { assertDistinctNames, type DistinctNames, type View } from "./define/selection.ts";
import type { FeatureService } from "./define/service.ts";
import { isMoment } from "./define/value-type.ts";
import { featureStoreError } from "./errors.ts";
import type { FeatureStore, FeatureStoreOptions, ReadOptions, ServiceReadOptions } from "./feature-store.ts";
import { logDefinition } from "./log/definition.ts";
import { logged } from "./log/logged.ts";
import { measureSkew } from "./log/skew.ts";
import { backfill, type BackfillContext } from "./materialize/backfill.ts";
import type { Materializer } from "./materialize/materializer.ts";
import { createMaterializers } from "./materialize/materializers.ts";
import { checkParity } from "./materialize/parity.ts";
import { removeRetired } from "./materialize/retire.ts";
import { createServing } from "./materialize/serving.ts";
import { nearest, type NearestOptions } from "./nearest/nearest.ts";
import { Searches } from "./nearest/searches.ts";
import { arrow } from "./offline/arrow.ts";
import { memory } from "./online/memory.ts";
import type { PushResult } from "./push/add-events.ts";
import type { PushEvent } from "./push/events.ts";
import { consumeEvents, pushEvents, type PushOptions } from "./push/push.ts";
import { createHandler } from "./serve/handler.ts";
import type { FoundNearest } from "./serve/nearest.ts";
import type { OnlineColumns } from "./serve/online-columns.ts";
import { readColumns } from "./serve/read-columns.ts";
import { readOnline, type Readings, type ReadRequest } from "./serve/read.ts";
import { replay, type ReplayOptions, type ReplayWriteOptions, writeReplay } from "./training/replay.ts";
import { selected, type ServiceTrainingSetOptions, type TrainingSetOptions } from "./training/training-options.ts";
import type { TrainingManifest } from "./training/manifest.ts";
import { makeTrainingSet } from "./training/training-set.ts";
import { type WriteOptions, writeTrainingSet } from "./training/write-training-set.ts";

/**
 * Makes a feature store. Nothing is opened or read until it is used.
 *
 * @throws VIEW_NAME_COLLISION when two views share a name, which does not compile either; REQUEST_INVALID for limits of
 *   `searches` out of range
 */
export function createFeatureStore<const Views extends readonly View[]>(
  options: FeatureStoreOptions<Views> & { readonly views: DistinctNames<Views> },
): FeatureStore<Views> {
  const { offline = arrow(), online = memory(), logs = [], clock = systemClock, logger = silentLogger } = options;
  const views: Views = options.views;
  assertDistinctNames(views);

  const searches = new Searches(options.searches);
  const serving = createServing(online, clock, options.previous ?? []);

  function assertOwn(view: FeatureView, value: unknown): void {
    if (views.includes(view)) return;
    throw featureStoreError("MATERIALIZE_INVALID", { view: view.name, value, rule: "the store has no such view" });
  }

  const materializers = createMaterializers({ offline, online, logger, clock });
  const backfills: BackfillContext = {
    online,
    serving,
    now: () => clock.now(),
    materializer: (view, made) => materializers.forSteps(view, made),
  };

  /** A materialiser that is refused once a backfill has put another copy in place of the one it writes. */
  async function guarded(
    view: FeatureView,
    make: (namespace: string) => Promise<{ readonly materializer: Materializer }>,
  ): Promise<Materializer> {
    const namespace = await serving.namespace(view);
    const made = await make(namespace);
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

  const findIn = (of: readonly View[]) => (of === views ? serving.byName : serving.pinned);

  const read = (request: ReadRequest, of: readonly View[] = views): Promise<Readings[]> =>
    logged({ logs, request, views: of, find: findIn(of) }, async (find) => {
      const rows = await readOnline(of, online, request, find);
      return { result: rows, rows: () => rows };
    });

  const byColumns = (request: ReadRequest, of: readonly View[] = views): Promise<OnlineColumns> =>
    logged({ logs, request, views: of, find: findIn(of) }, async (find) => {
      const made = await readColumns(of, online, request, find);
      return { result: made, rows: () => made.rows() };
    });

  async function findNearest(view: FeatureView, request: NearestOptions): Promise<FoundNearest> {
    const { at = clock.now() } = request;
    assertMoment(at);
    const served = await serving.byName(view);
    const search = () => nearest(online, served, { ...request, at });
    return { view: served.view, neighbours: await searches.run(view.name, request.signal, search) };
  }

  const push = (view: FeatureView, events: readonly PushEvent[], request: PushOptions = {}): Promise<PushResult> =>
    pushEvents(view, online, events, { ...request, now: clock.now() });

  return {
    views,
    async materializer(view, { from, until: limit, signal } = {}) {
      assertOwn(view, limit);
      return await guarded(view, (namespace) => materializers.overTimeline(view, { namespace, from, limit, signal }));
    },
    push,
    consume: (view, batches, request = {}) =>
      consumeEvents(batches, (events) => push(view, events, request), request.signal),
    // What a row is, the overloads say.
    trainingSet(request: TrainingSetOptions | ServiceTrainingSetOptions) {
      const asked = selected(views, request);
      return makeTrainingSet<never>(offline, asked.views, { ...request, ...asked.selection });
    },
    writeTrainingSet(request: (TrainingSetOptions | ServiceTrainingSetOptions) & WriteOptions) {
      const asked = selected(views, request);
      return writeTrainingSet(offline, asked.views, { ...request, ...asked.selection });
    },
    replay(manifest: TrainingManifest, request: ReplayOptions | ReplayWriteOptions) {
      if ("to" in request) return writeReplay(offline, views, manifest, request) as Promise<never>;
      return replay(offline, views, manifest, request) as Promise<never>;
    },
    async materialize(view, { from, until, memoryBytes, signal }) {
      const reached = await online.watermark(await serving.namespace(view));
      if (from === undefined && reached !== undefined && until <= reached) return { written: 0, watermark: reached };
      assertOwn(view, until);
      const started = clock.monotonic();
      const materializer = await guarded(view, (namespace) =>
        materializers.forSteps(view, { namespace, from, limit: until, memoryBytes, signal }),
      );
      const result = await materializer.advance(until, signal === undefined ? {} : { signal });
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
      const asked = askedOf(request, clock);
      return (await byColumns(asked.request, asked.views)) as OnlineColumns<never>;
    },
    nearest: async (view: FeatureView, request: NearestOptions) => (await findNearest(view, request)).neighbours,
    handler: (request = {}) =>
      createHandler({ views, read: byColumns, nearest: findNearest, now: () => clock.now(), logger }, request),
    async [Symbol.asyncDispose]() {
      for (const log of logs) await log[Symbol.asyncDispose]();
      await online[Symbol.asyncDispose]();
      await offline[Symbol.asyncDispose]?.();
    },
  };
}

/** @throws REQUEST_INVALID: of no age could be said whether it is past a ttl, and no log could hold it */
function assertMoment(at: number): void {
  if (isMoment(at)) return;
  const rule = `"at" is ${at}, and must be epoch milliseconds of the years 1684 to 2255`;
  throw featureStoreError("REQUEST_INVALID", { rule });
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
  assertMoment(at);
  return { request: { entities, features, at, requestId, signal }, views: service?.views };
}
