import { featureStoreError } from "../errors.ts";
import type { Entity, KeyShape } from "./entity.ts";
import type { FeatureView } from "./feature-view.ts";
import type { OnDemandView } from "./on-demand.ts";
import type { Shape } from "./transform.ts";
import type { ValueOf, ValueType, ValueTypes } from "./value-type.ts";

export type View = FeatureView | OnDemandView;

type FeatureTypes<V> =
  V extends FeatureView<string, readonly Entity[], infer Features>
    ? { readonly [Name in keyof Features]: Features[Name]["type"] }
    : V extends OnDemandView<string, Shape, infer Output>
      ? Output
      : never;

type NamesOf<V extends View> = V extends View ? `${V["name"]}:${keyof FeatureTypes<V> & string}` : never;

/** Every feature of the views: `"departures:mean_delay_6h"`. */
export type FeatureName<Views extends readonly View[]> = NamesOf<Views[number]>;

/** What may be selected: a feature, or all of a view as `"departures:*"`. */
export type Selector<Views extends readonly View[]> = FeatureName<Views> | `${Views[number]["name"]}:*`;

/** The features a selection stands for. */
export type Selected<Views extends readonly View[], Selection extends string> = Selection extends `${infer Name}:*`
  ? NamesOf<Extract<Views[number], { readonly name: Name }>>
  : Selection;

/** The type of the value of one feature. */
export type FeatureValue<
  Views extends readonly View[],
  Name extends string,
> = Name extends `${infer ViewName}:${infer F}`
  ? FeatureTypes<Extract<Views[number], { readonly name: ViewName }>> extends infer Types
    ? F extends keyof Types
      ? Types[F] extends ValueType
        ? ValueOf<Types[F]>
        : never
      : never
    : never
  : never;

/** The features of one row of a training set. */
export type TrainingRow<Views extends readonly View[], Selection extends string> = {
  readonly [Name in Selected<Views, Selection>]: FeatureValue<Views, Name> | null;
};

type ViewOf<Views extends readonly View[], Selection extends string> = Selection extends `${infer Name}:${string}`
  ? Extract<Views[number], { readonly name: Name }>
  : never;

interface KeyValues {
  string: string;
  int64: bigint | number;
  boolean: boolean;
}

type KeysOf<E> = E extends { readonly key: infer Key extends KeyShape }
  ? { readonly [Name in keyof Key]: KeyValues[Key[Name]] | null }
  : never;

type InputsOf<Input extends Shape> = {
  readonly [Name in Exclude<keyof Input, "at">]: ValueTypes[Input[Name]] | null;
} & ("at" extends keyof Input ? { readonly at?: ValueTypes[Input["at"]] | null } : unknown);

type Intersection<Union> = (Union extends unknown ? (each: Union) => void : never) extends (all: infer All) => void
  ? All
  : never;

type NeedsOf<V> =
  V extends FeatureView<string, infer Entities>
    ? Intersection<KeysOf<Entities[number]>>
    : V extends OnDemandView<string, infer Input>
      ? InputsOf<Input>
      : never;

/** What a read has to be given: the keys of the selected views, and the inputs of the selected on-demand views. */
export type EntityRow<Views extends readonly View[], Selection extends string> = Intersection<
  NeedsOf<ViewOf<Views, Selection>>
>;

/** `never` when two views share a name, else `unknown`. */
export type DistinctNames<Views extends readonly View[]> = Views extends readonly [
  infer First extends View,
  ...infer Rest extends readonly View[],
]
  ? string extends First["name"]
    ? unknown
    : First["name"] extends Rest[number]["name"]
      ? never
      : DistinctNames<Rest>
  : unknown;

/** One view with those of its features that were selected, in the order of selection. */
export interface SelectedView<V extends View = View> {
  readonly view: V;
  readonly features: readonly string[];
}

export interface ResolvedSelection {
  /** `view:feature`, in the order of selection, each once. */
  readonly names: readonly string[];
  readonly views: readonly SelectedView<FeatureView>[];
  readonly onDemand: readonly SelectedView<OnDemandView>[];
}

const mostResolved = 256;
const resolved = new WeakMap<readonly View[], Map<string, ResolvedSelection>>();

/** Resolves a selection; one that is made again and again, as by reads, is resolved once. @throws FEATURE_UNKNOWN */
export function resolveSelection(views: readonly View[], selection: readonly string[]): ResolvedSelection {
  const kept = resolved.get(views) ?? new Map<string, ResolvedSelection>();
  resolved.set(views, kept);
  // No name has a blank.
  const id = `${selection.length} ${selection.join(" ")}`;
  const known = kept.get(id);
  if (known !== undefined) return known;
  const made = resolve(views, selection);
  if (kept.size === mostResolved) kept.clear();
  kept.set(id, made);
  return made;
}

function resolve(views: readonly View[], selection: readonly string[]): ResolvedSelection {
  const names = new Set<string>();
  for (const selector of selection) for (const name of expand(views, selector)) names.add(name);
  const chosen = new Map<View, string[]>();
  for (const name of names) {
    const at = name.indexOf(":");
    const view = views.find((each) => each.name === name.slice(0, at)) as View;
    chosen.set(view, [...(chosen.get(view) ?? []), name.slice(at + 1)]);
  }
  const selected = [...chosen].map(([view, features]): SelectedView => ({ view, features }));
  return {
    names: [...names],
    views: selected.filter((each): each is SelectedView<FeatureView> => each.view.kind === "view"),
    onDemand: selected.filter((each): each is SelectedView<OnDemandView> => each.view.kind === "on-demand"),
  };
}

function expand(views: readonly View[], selector: string): readonly string[] {
  const all = (view: View): string[] => featureNames(view).map((feature) => `${view.name}:${feature}`);
  const view = views.find((each) => selector.startsWith(`${each.name}:`));
  const found = view === undefined ? [] : all(view);
  if (view !== undefined && selector === `${view.name}:*`) return found;
  if (found.includes(selector)) return [selector];
  throw featureStoreError("FEATURE_UNKNOWN", { feature: selector, known: views.flatMap(all) });
}

export function featureNames(view: View): string[] {
  return Object.keys(view.kind === "view" ? view.features : view.output);
}

/** @throws VIEW_NAME_COLLISION */
export function assertDistinctNames(views: readonly View[]): void {
  const names = new Set<string>();
  for (const { name } of views) {
    if (names.has(name)) throw featureStoreError("VIEW_NAME_COLLISION", { name });
    names.add(name);
  }
}
