import { setImmediate as nextTurn } from "node:timers/promises";
import { shown } from "../client/errors.ts";
import type { FeatureView } from "../define/feature-view.ts";
import { dimensionsOf, isValueOf, type Value, type ValueType, type VectorType } from "../define/value-type.ts";
import { featureStoreError } from "../errors.ts";
import type { Served } from "../materialize/serving.ts";
import type { KeyPart } from "../offline/key-dictionary.ts";
import { keyParts } from "../online/entity-key.ts";
import { layoutOf } from "../online/layout.ts";
import type { OnlineEntry, OnlineStore } from "../online/port.ts";
import { isPushed } from "../push/push.ts";
import { Best, type Scored } from "./best.ts";
import { type Metric, metrics, scorer } from "./metric.ts";

/** The features of a view that are vectors. */
export type VectorFeature<View extends FeatureView> = {
  readonly [Name in keyof View["features"]]: View["features"][Name]["type"] extends VectorType ? Name : never;
}[keyof View["features"]] &
  string;

/** An entity that a filter may look at. */
export interface Candidate {
  /** By key; null for a key of more than 512 bytes, which is kept as its digest. */
  readonly entity: Readonly<Record<string, KeyPart>> | null;
  /** A feature of the view as it is stored; windows of a view that takes pushed events are not. */
  value(feature: string): Value | null;
}

export interface NearestOptions<Name extends string = string> {
  readonly vector: Float32Array | readonly number[];
  /** How many, from 1 to 10,000. */
  readonly k: number;
  /** @default "cosine" */
  readonly metric?: Metric;
  /** Which vector of the view; needed where it has several. */
  readonly feature?: Name;
  /** Leaves out entities for which it is false; asked only of those that would be among the nearest. */
  readonly filter?: (candidate: Candidate) => boolean;
  /** Epoch milliseconds that ages are reckoned at: what is past its ttl is left out. @default now */
  readonly at?: number;
  readonly signal?: AbortSignal;
}

export interface Neighbour {
  /** By key; null for a key of more than 512 bytes, which is kept as its digest. */
  readonly entity: Readonly<Record<string, KeyPart>> | null;
  /** By the metric: see {@link Metric}. */
  readonly score: number;
  /** Milliseconds since the event of its row. */
  readonly ageMs: number;
  /** What else is stored of the entity, by feature. */
  readonly values: Readonly<Record<string, Value | null>>;
}

const mostNeighbours = 10_000;

/**
 * The nearest by every vector that there is: nothing is approximated and no index can lag. It costs a scan of the view.
 *
 * @throws REQUEST_INVALID for a vector of another length or with a number that is not finite, a bad `k`, metric or feature
 */
export async function nearest(
  online: OnlineStore,
  { view, namespace }: Served,
  options: NearestOptions & { readonly at: number },
): Promise<Neighbour[]> {
  const { k, metric = "cosine", filter, at, signal } = options;
  const feature = featureOf(view, options.feature);
  const wanted = queryOf(view, feature, options.vector);
  if (!Number.isSafeInteger(k) || k < 1 || k > mostNeighbours) {
    throw invalid(`"k" is ${k}, and must be a whole number from 1 to ${mostNeighbours}`);
  }
  if (!metrics.includes(metric))
    throw invalid(`"metric" is ${shown(metric)}, and must be one of ${metrics.join(", ")}`);
  const layout = layoutOf(view.features);
  const reader = layout.reader();
  const slot = layout.names.indexOf(feature);
  const score = scorer(metric, wanted);
  const numbers = new Float32Array(wanted.length);
  const best = new Best<Found>(k, metric === "l2");
  const value = (name: string): Value | null => {
    const at = layout.names.indexOf(name);
    return at === -1 ? null : reader.value(at);
  };

  function consider(entry: OnlineEntry): void {
    const { vector } = entry;
    reader.open(vector);
    const ageMs = Math.max(0, at - reader.eventMs());
    if (ageMs > view.ttl / 1000 || !reader.numbersInto(slot, numbers)) return;
    const found = score(numbers);
    // Most end here, without a key being made for them.
    if (!best.mayTake(found)) return;
    const { key } = entry;
    const scored = { key, score: found };
    if (!best.takes(scored)) return;
    if (filter !== undefined && !filter({ entity: entityOf(view, key), value })) return;
    best.offer({ ...scored, ageMs, vector });
  }

  for await (const page of online.scan(namespace, { signal })) {
    for (const entry of page) consider(entry);
    await nextTurn();
  }
  const stored = layout.names.filter((name) => !(isPushed(view) && view.features[name]?.kind === "window"));
  return best.items.map(({ key, score: scored, ageMs, vector }) => {
    reader.open(vector);
    const values = Object.fromEntries(stored.map((name) => [name, value(name)]));
    return { entity: entityOf(view, key), score: scored, ageMs, values };
  });
}

interface Found extends Scored {
  readonly ageMs: number;
  readonly vector: Uint8Array;
}

const invalid = (rule: string): Error => featureStoreError("REQUEST_INVALID", { rule });

function featureOf(view: FeatureView, asked: string | undefined): string {
  const vectors = Object.keys(view.features).filter(
    (name) => dimensionsOf(view.features[name]?.type ?? "") !== undefined,
  );
  const feature = asked ?? (vectors.length === 1 ? vectors[0] : undefined);
  if (feature !== undefined && vectors.includes(feature)) return feature;
  const known = vectors.length === 0 ? "none" : vectors.join(", ");
  throw invalid(`"feature" must name a vector of "${view.name}", not ${shown(asked)}; it has: ${known}`);
}

function queryOf(view: FeatureView, feature: string, vector: NearestOptions["vector"]): Float32Array {
  const type = view.features[feature]?.type as ValueType;
  const numbers = Float32Array.from(vector);
  if (isValueOf(type, numbers)) return numbers;
  throw invalid(`"vector" has ${vector.length} numbers, and must be of ${dimensionsOf(type)} that are finite`);
}

function entityOf(view: FeatureView, key: Uint8Array): Candidate["entity"] {
  const parts = keyParts(key);
  return parts === undefined ? null : Object.fromEntries(view.keys.map(({ name }, i) => [name, parts[i] as KeyPart]));
}
