import { featureStoreError } from "../errors.ts";
import { type About, about, type AboutOptions } from "./about.ts";
import { contentHash } from "./content-hash.ts";
import { assertName } from "./name.ts";
import { assertDistinctNames, type DistinctNames, resolveSelection, type Selector, type View } from "./selection.ts";

/**
 * A named selection of features whose views are pinned by content hash: what a model was trained on and is served with.
 * It brings its own definitions, so two services may use two versions of one view side by side.
 */
export interface FeatureService<
  Name extends string = string,
  Views extends readonly View[] = readonly View[],
  Selection extends string = string,
> {
  readonly kind: "service";
  readonly name: Name;
  /** The views the selection needs, as they were defined. */
  readonly views: Views;
  /** As they were selected: `"view:feature"` or `"view:*"`. */
  readonly selection: readonly Selection[];
  /** `view:feature`, in the order of selection, each once. */
  readonly features: readonly string[];
  /** The version of each view that is used. */
  readonly pins: Readonly<Record<string, string>>;
  readonly about: About;
  /** The content hash of the name, the features and the pins. */
  readonly version: string;
}

export interface FeatureServiceOptions<
  Name extends string,
  Views extends readonly View[],
  Selection extends string,
> extends AboutOptions {
  readonly name: Name;
  readonly views: Views;
  readonly features: readonly Selection[];
  /** View name to the version it must have; default the versions of `views`. A registry keeps them. */
  readonly pins?: Readonly<Record<string, string>>;
}

/**
 * Defines a service.
 *
 * @throws DEFINITION_INVALID for a bad name or no feature; FEATURE_UNKNOWN; VIEW_NAME_COLLISION
 * @throws SERVICE_PIN_MISMATCH when a view has another version than `pins` says
 */
export function featureService<
  const Name extends string,
  const Views extends readonly View[],
  const Selection extends Selector<Views>,
>(
  options: FeatureServiceOptions<Name, Views, Selection> & { readonly views: DistinctNames<Views> },
): FeatureService<Name, Views, Selection> {
  const { name, features: selection } = options;
  const views: Views = options.views;
  assertName("A feature service", name);
  assertDistinctNames(views);
  const of = `The feature service "${name}"`;
  const resolved = resolveSelection(views, selection);
  if (resolved.names.length === 0) {
    throw featureStoreError("DEFINITION_INVALID", {
      of,
      value: selection,
      rule: "a service has at least one feature",
    });
  }
  const used = [...resolved.views, ...resolved.onDemand].map(({ view }): View => view);
  assertPins(name, used, options.pins ?? {});
  const pins = Object.fromEntries(used.map((view) => [view.name, view.version]));
  return {
    kind: "service",
    name,
    views,
    selection: [...selection],
    features: resolved.names,
    pins,
    about: about(of, options),
    version: contentHash({ kind: "service", name, features: resolved.names, pins }),
  };
}

function assertPins(service: string, views: readonly View[], pins: Readonly<Record<string, string>>): void {
  for (const [view, pinned] of Object.entries(pins)) {
    const found = views.find(({ name }) => name === view)?.version;
    if (found !== pinned) throw featureStoreError("SERVICE_PIN_MISMATCH", { service, view, pinned, found });
  }
}
