import type { FeatureView } from "../define/feature-view.ts";
import type { OnDemandView } from "../define/on-demand.ts";
import { resolveSelection, type SelectedView, type View } from "../define/selection.ts";
import { transformInput } from "../define/transform.ts";
import type { Value } from "../define/value-type.ts";
import { namespaceOf } from "../materialize/materializer.ts";
import type { Served } from "../materialize/serving.ts";
import { layoutOf } from "../online/layout.ts";
import type { OnlineStore } from "../online/port.ts";
import { isPushed } from "../push/push.ts";
import { readWindows } from "../push/read-tiles.ts";
import { entityKeys } from "./entity-keys.ts";

/** One feature of one entity, with how it is and how old. */
export type Reading<Type = Value> =
  | { readonly status: "PRESENT"; readonly value: Type; readonly ageMs: number }
  /** The entity has a vector, and the feature is null in it. */
  | { readonly status: "NULL"; readonly value: null; readonly ageMs: number }
  /** Older than the view's ttl. */
  | { readonly status: "EXPIRED"; readonly value: null; readonly ageMs: number }
  /** Nothing of the entity was materialised: it is null in history, counts too. */
  | { readonly status: "NOT_FOUND"; readonly value: null; readonly ageMs: null }
  /** Its key is null, or a part of it: it stands for no entity. */
  | { readonly status: "MISSING_KEY"; readonly value: null; readonly ageMs: null };

export type Readings = Record<string, Reading>;

export interface ReadRequest {
  readonly entities: readonly Readonly<Record<string, unknown>>[];
  readonly features: readonly string[];
  /** Epoch milliseconds that ages are reckoned at. */
  readonly at: number;
  /** Names the read in logs. */
  readonly requestId?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Finds what a view is read by, once for each read. */
export type FindServed = (view: FeatureView) => Promise<Served>;

/** @throws FEATURE_UNKNOWN, ENTITY_KEY_INVALID, before anything is read */
export async function readOnline(
  views: readonly View[],
  online: OnlineStore,
  request: ReadRequest,
  serving: FindServed = async (view) => ({ view, namespace: namespaceOf(view) }),
): Promise<Readings[]> {
  const { entities } = request;
  const selection = resolveSelection(views, request.features);
  const keys = selection.views.map(({ view }) => entityKeys(view, entities));
  const onDemand = selection.onDemand.map((each) => onDemandFiller(each, request));
  const materialized = await Promise.all(
    selection.views.map((each, i) => viewFiller(each, keys[i] ?? [], online, request, serving)),
  );
  const fillers = [...materialized, ...onDemand];
  // Copies of one object have its shape from the start: the engine need not find it anew with each name that is added.
  const template = Object.fromEntries(selection.names.map((name) => [name, notFound])) as Readings;
  return entities.map((_, i) => {
    const row: Readings = { ...template };
    for (const fill of fillers) fill(row, i);
    return row;
  });
}

/** Sets the features of one view in the row of the entity at `i`; called for each entity in turn. */
type Filler = (row: Readings, i: number) => void;

const notFound: Reading = { status: "NOT_FOUND", value: null, ageMs: null };
const missingKey: Reading = { status: "MISSING_KEY", value: null, ageMs: null };

/** Reads the vectors of a view, all by one definition: a feature that the one that serves lacks is found nowhere. */
async function viewFiller(
  selected: SelectedView<FeatureView>,
  keys: readonly (Uint8Array | undefined)[],
  online: OnlineStore,
  { at, signal }: ReadRequest,
  serving: FindServed,
): Promise<Filler> {
  const { view, namespace } = await serving(selected.view);
  const features = selected.features.filter((name) => view.features[name]?.type === selected.view.features[name]?.type);
  const layout = layoutOf(view.features);
  const reader = layout.reader();
  const ttlMs = ttlMsOf(view);
  const asked = keys.filter((key) => key !== undefined);
  const [{ vectors, watermark = -Infinity }, windows] = await Promise.all([
    online.read(namespace, asked, { signal }),
    isPushed(view) ? readWindows(view, features, asked, online, { at, signal }) : undefined,
  ]);
  const columns = features.map((name) => ({
    name: `${view.name}:${name}`,
    slot: layout.names.indexOf(name),
    plain: view.features[name]?.kind === "column",
    pushed: windows?.values.get(name),
  }));
  let next = 0;
  return (row, i) => {
    const absent = keys[i] === undefined ? missingKey : notFound;
    const place = keys[i] === undefined ? -1 : next++;
    const vector = vectors[place];
    if (vector === undefined) {
      for (const { name } of columns) row[name] = absent;
      return;
    }
    reader.open(vector);
    // A plain value is as old as its event. A window is right as of the watermark: the vector would else have changed.
    const plainAge = Math.max(0, at - reader.eventMs());
    const windowAge = Math.max(0, at - Math.max(reader.asOfMs(), watermark));
    // Of events that lie ahead nothing can be seen, and a count of them is null, as it is in history.
    const seen = windows?.seen[place] === true || Math.max(reader.eventMs(), reader.knownMs()) <= at;
    for (const { name, slot, plain, pushed } of columns) {
      // A pushed window is computed now, from events up to now.
      row[name] =
        pushed === undefined
          ? reading(reader.value(slot), plain ? plainAge : windowAge, ttlMs)
          : reading(seen ? (pushed[place] ?? null) : null, 0, ttlMs);
    }
  };
}

/** Half a microsecond more than the ttl: times are whole microseconds, and an age in milliseconds is rounded. */
export const ttlMsOf = ({ ttl }: FeatureView): number => (ttl + 0.5) / 1000;

function reading(value: Value | null, ageMs: number, ttlMs: number): Reading {
  if (ageMs > ttlMs) return { status: "EXPIRED", value: null, ageMs };
  return value === null ? { status: "NULL", value, ageMs } : { status: "PRESENT", value, ageMs };
}

function onDemandFiller({ view, features }: SelectedView<OnDemandView>, { entities, at }: ReadRequest): Filler {
  const inputs = entities.map((row, i) => transformInput(view, row, i, at));
  const results = inputs.map((input) => (input === undefined ? {} : view.apply(input)));
  return (row, i) => {
    for (const name of features) row[`${view.name}:${name}`] = reading(results[i]?.[name] ?? null, 0, Infinity);
  };
}
