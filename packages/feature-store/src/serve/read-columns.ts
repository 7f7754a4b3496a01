import type { FeatureView } from "../define/feature-view.ts";
import type { OnDemandView } from "../define/on-demand.ts";
import { resolveSelection, type SelectedView, type View } from "../define/selection.ts";
import { transformInput } from "../define/transform.ts";
import type { Value, ValueType } from "../define/value-type.ts";
import { namespaceOf } from "../materialize/materializer.ts";
import { layoutOf, type VectorLayout } from "../online/layout.ts";
import type { OnlineStore } from "../online/port.ts";
import { isPushed } from "../push/push.ts";
import { readWindows } from "../push/read-tiles.ts";
import { entityKeys } from "./entity-keys.ts";
import { emptyValues, type OnlineColumn, OnlineColumns, setValue, statusCode } from "./online-columns.ts";
import type { FindServed, ReadRequest } from "./read.ts";

/** As `readOnline`, column by column. @throws FEATURE_UNKNOWN, ENTITY_KEY_INVALID, before anything is read */
export async function readColumns(
  views: readonly View[],
  online: OnlineStore,
  request: ReadRequest,
  serving: FindServed = async (view) => ({ view, namespace: namespaceOf(view) }),
): Promise<OnlineColumns> {
  const { entities } = request;
  const selection = resolveSelection(views, request.features);
  const keys = selection.views.map(({ view }) => entityKeys(view, entities));
  const columns = new Map<string, OnlineColumn>();
  for (const each of selection.onDemand) onDemandColumns(each, request, columns);
  await Promise.all(
    selection.views.map((each, i) => viewColumns(each, keys[i] ?? [], { online, request, serving, columns })),
  );
  return new OnlineColumns(entities.length, selection.names, columns);
}

interface Context {
  readonly online: OnlineStore;
  readonly request: ReadRequest;
  readonly serving: FindServed;
  readonly columns: Map<string, OnlineColumn>;
}

async function viewColumns(
  selected: SelectedView<FeatureView>,
  keys: readonly (Uint8Array | undefined)[],
  { online, request, serving, columns }: Context,
): Promise<void> {
  const { at, signal } = request;
  const { view, namespace } = await serving(selected.view);
  const length = keys.length;
  const asked = keys.includes(undefined) ? keys.filter((key) => key !== undefined) : (keys as readonly Uint8Array[]);
  const has = (name: string): boolean => view.features[name]?.type === selected.view.features[name]?.type;
  const features = selected.features.filter(has);
  const [{ vectors, watermark = -Infinity }, windows] = await Promise.all([
    online.read(namespace, asked, { signal }),
    isPushed(view) ? readWindows(view, features, asked, online, { at, signal }) : undefined,
  ]);
  const places = placesOf(keys);
  const layout = layoutOf(view.features);
  const inVectors = features.filter((name) => windows?.has(name) !== true);
  const read = readVectors(
    layout,
    inVectors,
    places.map((place) => vectors[place]),
  );
  const ages = agesOf(read, at, watermark);
  for (const name of selected.features) {
    const type = selected.view.features[name]?.type ?? "float64";
    const put = (column: ReadColumn, ageMs: Float64Array): void =>
      void columns.set(`${view.name}:${name}`, { ...column, ageMs });
    const column = read.columns.get(name);
    const window = windows?.get(name);
    if (!has(name)) {
      put({ type, values: emptyValues(type, length), statuses: allOf(length, statusCode.NOT_FOUND) }, ages.none);
    } else if (column === undefined) {
      put(windowColumn(type, window ?? [], places, ages.now), ages.now);
    } else {
      const ageMs = view.features[name]?.kind === "column" ? ages.plain : ages.window;
      expire(column, ageMs, view.ttl / 1000);
      put(column, ageMs);
    }
  }
  if (read.missing.length === 0) return;
  for (const name of features) {
    const { statuses } = columns.get(`${view.name}:${name}`) as OnlineColumn;
    for (const row of read.missing) {
      statuses[row] = places[row] === -1 ? statusCode.MISSING_KEY : statusCode.NOT_FOUND;
    }
  }
}

const allOf = (length: number, status: number): Uint8Array => new Uint8Array(length).fill(status);

/** A window that was computed for the read, of those entities that have a vector. */
function windowColumn(
  type: ValueType,
  window: readonly (Value | null)[],
  places: readonly number[],
  ageMs: Float64Array,
): ReadColumn {
  const values = emptyValues(type, places.length);
  const statuses = new Uint8Array(places.length);
  places.forEach((place, row) => {
    if (Number.isNaN(ageMs[row])) return;
    const value = window[place] ?? null;
    setValue(values, row, value);
    if (value === null) statuses[row] = statusCode.NULL;
  });
  return { type, values, statuses };
}

/** Takes away what is older than the ttl. */
function expire({ values, statuses }: ReadColumn, ageMs: Float64Array, ttlMs: number): void {
  for (let row = 0; row < ageMs.length; row++) {
    if (!((ageMs[row] as number) > ttlMs)) continue;
    statuses[row] = statusCode.EXPIRED;
    setValue(values, row, null);
  }
}

/** For each key where its vector is among those of the keys that are whole; -1 for one that is not. */
function placesOf(keys: readonly (Uint8Array | undefined)[]): readonly number[] {
  let next = 0;
  return keys.map((key) => (key === undefined ? -1 : next++));
}

type ReadColumn = Omit<OnlineColumn, "ageMs">;

interface ReadVectors {
  readonly columns: ReadonlyMap<string, ReadColumn>;
  /** Epoch milliseconds; NaN where there is no vector. */
  readonly eventMs: Float64Array;
  readonly asOfMs: Float64Array;
  /** Rows without a vector. */
  readonly missing: readonly number[];
}

/** Takes vectors apart. @throws VECTOR_CORRUPT */
function readVectors(
  layout: VectorLayout,
  features: readonly string[],
  vectors: readonly (Uint8Array | undefined)[],
): ReadVectors {
  const { length } = vectors;
  const slots = features.map((name) => layout.names.indexOf(name));
  const types = slots.map((slot): ValueType => layout.types[slot] ?? "float64");
  // One piece of memory for all that is alike: an array of its own for each would cost more than what is in it.
  const allDoubles = new Float64Array(length * types.length).fill(NaN);
  const allStatuses = new Uint8Array(length * types.length);
  const values = types.map((type, i) =>
    type === "float64" ? allDoubles.subarray(i * length, (i + 1) * length) : emptyValues(type, length),
  );
  const statuses = types.map((_, i) => allStatuses.subarray(i * length, (i + 1) * length));
  const missing: number[] = [];
  const eventMs = new Float64Array(length).fill(NaN);
  const asOfMs = new Float64Array(length).fill(NaN);
  const reader = layout.reader();
  const doubles = reader.doublePlaces(slots);
  const others = types.flatMap((type, i) => (type === "float64" ? [] : [i]));
  for (let row = 0; row < length; row++) {
    const vector = vectors[row];
    if (vector === undefined) {
      missing.push(row);
      continue;
    }
    reader.open(vector);
    eventMs[row] = reader.eventMs();
    asOfMs[row] = reader.asOfMs();
    reader.doubles(doubles, row, length, allDoubles, allStatuses, statusCode.NULL);
    for (const i of others) {
      const value = reader.value(slots[i] as number);
      if (value === null) (statuses[i] as Uint8Array)[row] = statusCode.NULL;
      else setValue(values[i] as OnlineColumn["values"], row, value);
    }
  }
  const columns = features.map((name, i): [string, ReadColumn] => [
    name,
    { type: types[i] as ValueType, values: values[i] as OnlineColumn["values"], statuses: statuses[i] as Uint8Array },
  ]);
  return { columns: new Map(columns), eventMs, asOfMs, missing };
}

/** The age of plain values, that of windows, 0 where there is a vector at all, and none. */
function agesOf(
  { eventMs, asOfMs }: ReadVectors,
  at: number,
  watermark: number,
): Readonly<Record<"plain" | "window" | "now" | "none", Float64Array>> {
  // A plain value is as old as its event. A window is right as of the watermark: the vector would else have changed.
  const age = (since: number): number => (Number.isNaN(since) ? NaN : Math.max(0, at - since));
  return {
    plain: eventMs.map(age),
    window: asOfMs.map((asOf) => age(Number.isNaN(asOf) ? NaN : Math.max(asOf, watermark))),
    now: eventMs.map((event) => (Number.isNaN(event) ? NaN : 0)),
    none: new Float64Array(eventMs.length).fill(NaN),
  };
}

function onDemandColumns(
  { view, features }: SelectedView<OnDemandView>,
  { entities, at }: ReadRequest,
  columns: Map<string, OnlineColumn>,
): void {
  const inputs = entities.map((row, i) => transformInput(view, row, i, at));
  const results = inputs.map((input) => (input === undefined ? {} : view.apply(input)));
  const ageMs = new Float64Array(entities.length);
  for (const name of features) {
    const type = view.output[name] ?? "float64";
    const values = emptyValues(type, entities.length);
    const statuses = new Uint8Array(entities.length);
    results.forEach((result, row) => {
      const value = result[name] ?? null;
      setValue(values, row, value);
      if (value === null) statuses[row] = statusCode.NULL;
    });
    columns.set(`${view.name}:${name}`, { type, values, statuses, ageMs });
  }
}
