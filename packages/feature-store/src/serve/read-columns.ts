import type { FeatureView } from "../define/feature-view.ts";
import type { OnDemandView } from "../define/on-demand.ts";
import { resolveSelection, type SelectedView, type View } from "../define/selection.ts";
import { transformInput } from "../define/transform.ts";
import type { Value, ValueType } from "../define/value-type.ts";
import { namespaceOf } from "../materialize/materializer.ts";
import { layoutOf, type VectorLayout } from "../online/layout.ts";
import type { OnlineStore } from "../online/port.ts";
import type { DoublePlaces } from "../online/vector-reader.ts";
import { isPushed } from "../push/push.ts";
import { readWindows } from "../push/read-tiles.ts";
import { entityKeys } from "./entity-keys.ts";
import { emptyValues, type OnlineColumn, OnlineColumns, setValue, statusCode } from "./online-columns.ts";
import { type FindServed, type ReadRequest, ttlMsOf } from "./read.ts";

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
  const plan = planOf(selected, view);
  const asked = keys.includes(undefined) ? keys.filter((key) => key !== undefined) : (keys as readonly Uint8Array[]);
  const [{ vectors, watermark = -Infinity }, windows] = await Promise.all([
    online.read(namespace, asked, { signal }),
    isPushed(view) ? readWindows(view, plan.features, asked, online, { at, signal }) : undefined,
  ]);
  const places = placesOf(keys);
  const read = readVectors(plan, vectors, places);
  const ages = agesOf(read, at, watermark);
  const ttlMs = ttlMsOf(view);
  const late = { plain: expired(ages.plain, ttlMs), window: expired(ages.window, ttlMs) };
  plan.slots.forEach(({ name, type, age }, i) => {
    const column = { type, values: read.values[i] as OnlineColumn["values"], statuses: read.statuses[i] as Uint8Array };
    const window = windows?.values.get(plan.features[i] as string);
    if (window !== undefined) {
      // Of events that lie ahead nothing can be seen, and a count of them is null, as it is in history.
      const seen = (row: number): boolean =>
        windows?.seen[places[row] as number] === true || (read.latestMs[row] as number) <= at;
      fillWindow(column, window, places, seen);
    } else for (const row of late[age]) set(column, row, statusCode.EXPIRED);
    for (const row of read.missing) {
      set(column, row, places[row] === -1 ? statusCode.MISSING_KEY : statusCode.NOT_FOUND);
    }
    columns.set(name, { ...column, ageMs: window === undefined ? ages[age] : ages.now() });
  });
  for (const { name, type } of plan.lacking) {
    const { length } = keys;
    const statuses = new Uint8Array(length).fill(statusCode.NOT_FOUND);
    columns.set(name, { type, values: emptyValues(type, length), statuses, ageMs: new Float64Array(length).fill(NaN) });
  }
}

/** Where the features of a selection are, worked out once. */
interface Plan {
  readonly view: FeatureView;
  readonly layout: VectorLayout;
  /** Features that the view that serves has, and how each is read. */
  readonly features: readonly string[];
  readonly slots: readonly {
    readonly name: string;
    readonly type: ValueType;
    readonly slot: number;
    readonly age: "plain" | "window";
  }[];
  /** Where its doubles lie, and which slots have others. */
  readonly doubles: DoublePlaces;
  readonly others: readonly number[];
  /** Features that it lacks. */
  readonly lacking: readonly { readonly name: string; readonly type: ValueType }[];
}

const plans = new WeakMap<SelectedView<FeatureView>, Plan>();

function planOf(selected: SelectedView<FeatureView>, view: FeatureView): Plan {
  const kept = plans.get(selected);
  if (kept?.view === view) return kept;
  const layout = layoutOf(view.features);
  const typed = selected.features.map((feature) => ({
    feature,
    name: `${view.name}:${feature}`,
    type: selected.view.features[feature]?.type ?? "float64",
  }));
  const has = typed.filter(({ feature, type }) => view.features[feature]?.type === type);
  const slots = has.map(({ feature, name, type }) => ({
    name,
    type,
    slot: layout.names.indexOf(feature),
    age: view.features[feature]?.kind === "column" ? ("plain" as const) : ("window" as const),
  }));
  const plan: Plan = {
    view,
    layout,
    features: has.map(({ feature }) => feature),
    slots,
    doubles: layout.reader().doublePlaces(slots.map(({ slot }) => slot)),
    others: slots.flatMap(({ type }, i) => (type === "float64" ? [] : [i])),
    lacking: typed.filter((each) => !has.includes(each)),
  };
  plans.set(selected, plan);
  return plan;
}

type ReadColumn = Omit<OnlineColumn, "ageMs">;

/** There is no value, for a reason. */
function set({ values, statuses }: ReadColumn, row: number, status: number): void {
  statuses[row] = status;
  setValue(values, row, null);
}

/** Fills in a window that was computed for the read. */
function fillWindow(
  column: ReadColumn,
  window: readonly (Value | null)[],
  places: readonly number[],
  seen: (row: number) => boolean,
): void {
  places.forEach((place, row) => {
    const value = seen(row) ? (window[place] ?? null) : null;
    setValue(column.values, row, value);
    column.statuses[row] = value === null ? statusCode.NULL : statusCode.PRESENT;
  });
}

/** Rows that are older than the ttl. */
function expired(ageMs: Float64Array, ttlMs: number): readonly number[] {
  const rows: number[] = [];
  for (let row = 0; row < ageMs.length; row++) if ((ageMs[row] as number) > ttlMs) rows.push(row);
  return rows;
}

/** For each key where its vector is among those of the keys that are whole; -1 for one that is not. */
function placesOf(keys: readonly (Uint8Array | undefined)[]): readonly number[] {
  let next = 0;
  return keys.map((key) => (key === undefined ? -1 : next++));
}

interface ReadVectors {
  /** By feature of the plan. */
  readonly values: readonly OnlineColumn["values"][];
  readonly statuses: readonly Uint8Array[];
  /** Epoch milliseconds; NaN where there is no vector. */
  readonly eventMs: Float64Array;
  readonly asOfMs: Float64Array;
  /** When the last event had happened and was known. */
  readonly latestMs: Float64Array;
  /** Rows without a vector. */
  readonly missing: readonly number[];
}

/** Takes vectors apart. @throws VECTOR_CORRUPT */
function readVectors(
  { layout, slots, doubles: doublePlaces, others }: Plan,
  vectors: readonly (Uint8Array | undefined)[],
  places: readonly number[],
): ReadVectors {
  const { length } = places;
  // One piece of memory for all that is alike: an array of its own for each would cost more than what is in it.
  const doubles = new Float64Array(length * slots.length);
  const statuses = new Uint8Array(length * slots.length);
  const values = slots.map(({ type }, i) =>
    type === "float64" ? doubles.subarray(i * length, (i + 1) * length) : emptyValues(type, length),
  );
  const eventMs = new Float64Array(length).fill(NaN);
  const asOfMs = new Float64Array(length).fill(NaN);
  const latestMs = new Float64Array(length).fill(NaN);
  const missing: number[] = [];
  const reader = layout.reader();
  for (let row = 0; row < length; row++) {
    const vector = vectors[places[row] as number];
    if (vector === undefined) {
      missing.push(row);
      continue;
    }
    reader.open(vector);
    eventMs[row] = reader.eventMs();
    asOfMs[row] = reader.asOfMs();
    latestMs[row] = Math.max(eventMs[row] as number, reader.knownMs());
    reader.doubles(doublePlaces, row, length, doubles, statuses, statusCode.NULL);
    for (const i of others) {
      const value = reader.value(slots[i]?.slot as number);
      if (value === null) statuses[i * length + row] = statusCode.NULL;
      else setValue(values[i] as OnlineColumn["values"], row, value);
    }
  }
  const statusesOf = slots.map((_, i) => statuses.subarray(i * length, (i + 1) * length));
  return { values, statuses: statusesOf, eventMs, asOfMs, latestMs, missing };
}

/** The age of plain values and that of windows, and of what is computed now: 0 where there is a vector at all. */
function agesOf(
  { eventMs, asOfMs }: ReadVectors,
  at: number,
  watermark: number,
): { readonly plain: Float64Array; readonly window: Float64Array; now(): Float64Array } {
  const { length } = eventMs;
  const plain = new Float64Array(length);
  const window = new Float64Array(length);
  // A plain value is as old as its event. A window is right as of the watermark: the vector would else have changed.
  for (let row = 0; row < length; row++) {
    plain[row] = Math.max(0, at - (eventMs[row] as number));
    const asOf = asOfMs[row] as number;
    window[row] = Math.max(0, at - (asOf < watermark ? watermark : asOf));
  }
  return { plain, window, now: () => plain.map((age) => age * 0) };
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
