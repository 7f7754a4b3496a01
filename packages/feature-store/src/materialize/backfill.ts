import type { FeatureView } from "../define/feature-view.ts";
import { featureStoreError } from "../errors.ts";
import type { OnlineStore } from "../online/port.ts";
import { assertStep } from "./materializer.ts";
import type { IntoOptions, MadeMaterializer } from "./materializers.ts";
import { type Serving, shortVersion } from "./serving.ts";
import {
  type Copy,
  namespaceOfCopy,
  readRecord,
  replaceRecord,
  sameCopy,
  type ServingRecord,
} from "./serving-record.ts";

export interface BackfillOptions {
  /** Epoch milliseconds: entities of which nothing changed after it are left out. @default all history */
  readonly since?: number;
  /** Epoch milliseconds to bring the copy up to. @default now, or where the copy that serves is, if that is later */
  readonly until?: number;
  /** In how many steps of equal time: one that is cut short is done again, those before it are not. @default 4 */
  readonly steps?: number;
  /**
   * Write a new copy, though the definition has one that does not serve: history was corrected. Else that one goes on from
   * where it is, which makes going back to an older definition a matter of what changed since. @default false
   */
  readonly fresh?: boolean;
  /** As for `materialize`. @default 512 MiB */
  readonly memoryBytes?: number;
  readonly signal?: AbortSignal;
}

export interface BackfillResult {
  /** Vectors written, by this call. */
  readonly written: number;
  /** Epoch milliseconds up to which what serves now is materialised. */
  readonly watermark: number;
  /** Where it is, in the online store. */
  readonly namespace: string;
}

export interface BackfillContext {
  readonly online: OnlineStore;
  readonly serving: Serving;
  readonly now: () => number;
  readonly materializer: (view: FeatureView, options: IntoOptions) => Promise<MadeMaterializer>;
}

const tries = 20;

/** @see FeatureStore.backfill */
export async function backfill(
  context: BackfillContext,
  view: FeatureView,
  { since, until: asked, steps = 4, fresh = false, memoryBytes, signal }: BackfillOptions,
): Promise<BackfillResult> {
  const { online, serving } = context;
  const invalid = (value: unknown, rule: string): Error =>
    featureStoreError("MATERIALIZE_INVALID", { view: view.name, value, rule });
  if (!Number.isSafeInteger(steps) || steps < 1) throw invalid(steps, "a backfill has at least one step");
  const { namespace: current } = await serving.byName(view);
  const reached = (await online.watermark(current)) ?? -Infinity;
  const until = asked ?? Math.max(context.now(), reached);
  assertStep(view, until, -Infinity, Infinity);
  if (since !== undefined && !(Number.isSafeInteger(since) && since <= until)) {
    throw invalid(since, `it would have to be a time before ${until}`);
  }
  if (until < reached) throw invalid(until, `what serves is materialised to ${reached}, and would go back`);

  const copy = await claim(context, view, { since: since ?? null, fresh });
  const namespace = namespaceOfCopy(view.name, copy);
  const from = (await online.watermark(namespace)) ?? since ?? -Infinity;
  let written = 0;
  if (from < until) {
    const { materializer, first } = await context.materializer(view, { namespace, from, memoryBytes, signal });
    for (const step of stepsOf(Math.max(from, Math.min(await first(), until)), until, steps)) {
      written += (await materializer.advance(step, signal === undefined ? {} : { signal })).written;
    }
  }
  signal?.throwIfAborted();
  await flip(context, view, copy);
  return { written, watermark: Math.max(from, until), namespace };
}

function stepsOf(from: number, until: number, steps: number): number[] {
  return Array.from({ length: steps }, (_, i) => Math.round(from + ((until - from) * (i + 1)) / steps));
}

/** Notes the copy that is to be written: that of a backfill that was cut short, or a new one. */
async function claim(
  { online, now }: BackfillContext,
  view: FeatureView,
  { since, fresh }: { readonly since: number | null; readonly fresh: boolean },
): Promise<Copy> {
  const version = shortVersion(view);
  return await change(online, view, async (record) => {
    const { building } = record;
    if (building?.version === version && building.since === since) return { result: building };
    const copy = { version, generation: await generationFor(online, view, record, fresh) };
    // Another backfill that was under way has lost: what it wrote is of no use.
    const retired = building === null ? record.retired : [...record.retired, { ...placeOf(building), at: now() }];
    return { result: copy, next: { ...record, building: { ...copy, since }, retired } };
  });
}

/** The copy of a definition that does not serve, if it is whole; else one of a number that no copy had. */
async function generationFor(
  online: OnlineStore,
  view: FeatureView,
  record: ServingRecord,
  fresh: boolean,
): Promise<number> {
  const version = shortVersion(view);
  const { building, retired, generations, serving } = record;
  const used = [...retired, ...(building === null ? [] : [building])].filter((copy) => copy.version === version);
  const current = { version, generation: generations[version] ?? 0 };
  const hasValues = (await online.watermark(namespaceOfCopy(view.name, current))) !== undefined;
  const isFree = serving !== version && !used.some((copy) => sameCopy(copy, current) && "removing" in copy);
  if (isFree && (hasValues ? !fresh : used.length === 0)) return current.generation;
  if (view.push !== undefined) {
    const rule = "it takes pushed events, which a copy would lack; materialize brings its history in beside them";
    throw featureStoreError("MATERIALIZE_INVALID", { view: view.name, value: "a copy", rule });
  }
  return Math.max(current.generation, ...used.map(({ generation }) => generation)) + 1;
}

/** From here on the copy serves: one exchange of one value. */
async function flip({ online, serving, now }: BackfillContext, view: FeatureView, copy: Copy): Promise<void> {
  await change(online, view, async (record) => {
    const { building, generations } = record;
    const flipped = record.serving === copy.version && (generations[copy.version] ?? 0) === copy.generation;
    if (building?.version !== copy.version || building.generation !== copy.generation) {
      // Another process may have written the same copy to its end.
      if (flipped) return { result: undefined };
      throw featureStoreError("BACKFILL_SUPERSEDED", { view: view.name });
    }
    // Before the first flip all that the store knows of may have served.
    const before = record.serving === null ? serving.previous(view).map(shortVersion) : [record.serving];
    const replaced: Copy[] = before
      .filter((version) => version !== copy.version)
      .map((version) => ({ version, generation: generations[version] ?? 0 }));
    const last = generations[copy.version] ?? 0;
    if (copy.generation !== last) replaced.push({ version: copy.version, generation: last });
    const retired = [...record.retired, ...replaced.map((each) => ({ ...each, at: now() }))].filter(
      (each, i, all) => !sameCopy(each, copy) && all.findIndex((other) => sameCopy(other, each)) === i,
    );
    const next = {
      serving: copy.version,
      generations: { ...generations, [copy.version]: copy.generation },
      building: null,
      retired,
    };
    return { result: undefined, next };
  });
  serving.forget(view);
}

export const placeOf = ({ version, generation }: Copy): Copy => ({ version, generation });

/** Changes the record of a view, anew when another changed it meanwhile. */
export async function change<Result>(
  online: OnlineStore,
  view: FeatureView,
  decide: (record: ServingRecord) => Promise<{ readonly result: Result; readonly next?: ServingRecord }>,
): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    const stored = await readRecord(online, view.name);
    const { result, next } = await decide(stored.record);
    if (next === undefined || (await replaceRecord(online, view.name, stored, next))) return result;
    if (attempt === tries) throw featureStoreError("BACKFILL_SUPERSEDED", { view: view.name });
  }
}
