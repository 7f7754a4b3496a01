import { shown } from "../client/errors.ts";
import type { FeatureView } from "../define/feature-view.ts";
import type { View } from "../define/selection.ts";
import { dimensionsOf, isMoment, type ValueType } from "../define/value-type.ts";
import { featureStoreError } from "../errors.ts";
import { type Metric, metrics } from "../nearest/metric.ts";
import type { NearestOptions, Neighbour } from "../nearest/nearest.ts";
import type { HandlerLimits } from "./limits.ts";
import { invalid } from "./wire.ts";

/** What a request for the nearest asks for. */
export interface AskedNearest {
  readonly view: FeatureView;
  readonly options: NearestOptions;
  /** The features that are told of each neighbour; undefined for all that are stored. */
  readonly values: readonly string[] | undefined;
}

/** What was found, and the definition that served. */
export interface FoundNearest {
  readonly view: FeatureView;
  readonly neighbours: readonly Neighbour[];
}

export const hasVectors = (view: View): view is FeatureView =>
  view.kind === "view" && Object.values(view.features).some(({ type }) => dimensionsOf(type) !== undefined);

/** @throws REQUEST_INVALID, FEATURE_UNKNOWN */
export function nearestOf(
  views: readonly View[],
  body: Readonly<Record<string, unknown>>,
  { maxNeighbours }: Required<HandlerLimits>,
): AskedNearest {
  const { vector, k, metric, feature, at } = body;
  const view = viewOf(views, body["view"]);
  if (!isList(vector, "number")) throw invalid('"vector" must be a list of numbers');
  if (typeof k !== "number" || !Number.isSafeInteger(k) || k < 1 || k > maxNeighbours) {
    throw invalid(`"k" is ${shown(k)}, and must be a whole number from 1 to ${maxNeighbours}`);
  }
  if (metric !== undefined && !isMetric(metric)) throw invalid(`"metric" must be one of ${metrics.join(", ")}`);
  if (feature !== undefined && typeof feature !== "string") throw invalid('"feature" must name a vector of the view');
  if (at !== undefined && (!Number.isSafeInteger(at) || !isMoment(at))) {
    throw invalid('"at" must be epoch milliseconds, of the years 1684 to 2255');
  }
  const options = {
    vector,
    k,
    ...(metric === undefined ? {} : { metric }),
    ...(feature === undefined ? {} : { feature }),
    ...(at === undefined ? {} : { at }),
  };
  return { view, options, values: valuesOf(view, body["values"]) };
}

function viewOf(views: readonly View[], name: unknown): FeatureView {
  const known = views.filter(hasVectors);
  const view = known.find((each) => each.name === name);
  if (view !== undefined) return view;
  const names = known.length === 0 ? "none" : known.map((each) => each.name).join(", ");
  throw invalid(`"view" must name a view with vectors, not ${shown(name)}; there are: ${names}`);
}

function valuesOf(view: FeatureView, names: unknown): readonly string[] | undefined {
  if (names === undefined) return undefined;
  if (!isList(names, "string")) throw invalid('"values" must be a list of names of features');
  const unknown = names.find((name) => !Object.hasOwn(view.features, name));
  if (unknown === undefined) return names;
  throw featureStoreError("FEATURE_UNKNOWN", { feature: unknown, known: Object.keys(view.features) });
}

interface Listed {
  readonly number: number;
  readonly string: string;
}

const isList = <Kind extends keyof Listed>(value: unknown, kind: Kind): value is Listed[Kind][] =>
  Array.isArray(value) && value.every((each) => typeof each === kind);

const isMetric = (value: unknown): value is Metric => metrics.some((metric) => metric === value);

/** The answer, with the types of keys and values: in JSON an integer beyond 2^53 is text, as NaN and infinities are. */
export function nearestToJson({ view, neighbours }: FoundNearest, values: readonly string[] | undefined): string {
  const told = new Set(values ?? Object.keys(view.features));
  const ofTold = <Each>(entries: readonly (readonly [string, Each])[]): Record<string, Each> =>
    Object.fromEntries(entries.filter(([name]) => told.has(name)));
  const types: Record<string, ValueType> = ofTold(
    Object.entries(view.features).map(([name, { type }]) => [name, type] as const),
  );
  const keys = Object.fromEntries(view.keys.map(({ name, type }) => [name, type]));
  const rows = neighbours.map((each) => ({ ...each, values: ofTold(Object.entries(each.values)) }));
  return JSON.stringify({ neighbours: rows, keys, types }, plain);
}

function plain(_: string, value: unknown): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (value instanceof Float32Array) return Array.from(value);
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
}
