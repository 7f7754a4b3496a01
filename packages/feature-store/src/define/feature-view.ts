import { shown } from "../client/errors.ts";
import { featureStoreError } from "../errors.ts";
import type { TableSource } from "../source/table-source.ts";
import { type About, about, type AboutOptions } from "./about.ts";
import type { ColumnFeature } from "./column.ts";
import { contentHash } from "./content-hash.ts";
import { type Duration, ttlMicros } from "./duration.ts";
import type { Entity, KeyType } from "./entity.ts";
import { assertName } from "./name.ts";
import { pushDefinition, type PushSource, pushSource, type PushSourceOptions } from "./push-source.ts";
import { isValueType, scalarTypes } from "./value-type.ts";
import type { WindowFeature } from "./window.ts";

export type Feature = ColumnFeature | WindowFeature;

export type Features = Readonly<Record<string, Feature>>;

/** One key column of a view: its name among the labels and in a read, its column in the source, its type. */
export interface ViewKey {
  readonly name: string;
  readonly column: string;
  readonly type: KeyType;
}

/** Features of an entity, computed from one source. Made by {@link featureView}. */
export interface FeatureView<
  Name extends string = string,
  Entities extends readonly Entity[] = readonly Entity[],
  Shape extends Features = Features,
> {
  readonly kind: "view";
  readonly name: Name;
  readonly entities: Entities;
  readonly source: TableSource;
  readonly eventTime: string;
  readonly knownAt: string | undefined;
  /** Microseconds; Infinity for ever. */
  readonly ttl: number;
  readonly features: Shape;
  readonly keys: readonly ViewKey[];
  /** Undefined in a view that is only materialised. */
  readonly push: PushSource | undefined;
  readonly about: About;
  /** The content hash of the definition: its version. */
  readonly version: string;
}

export interface FeatureViewOptions<
  Name extends string,
  Entities extends readonly Entity[],
  Shape extends Features,
> extends AboutOptions {
  readonly name: Name;
  readonly entities: Entities;
  readonly source: TableSource;
  /** The column that says when a row happened. Rows without it are never joined. */
  readonly eventTime: string;
  /** The column that says when a row became known. A join at `t` sees only rows known by then; a null is never known. */
  readonly knownAt?: string;
  /** For how long after its event a value may be used, both ends included; `"forever"` says so. */
  readonly ttl: Duration | "forever";
  readonly features: Shape;
  /** Take events one by one, by `FeatureStore.push`: windows are then computed as of the moment of the read. */
  readonly push?: PushSourceOptions;
  /** The source's column for a key that is named otherwise there: `{ origin: "destination" }`. */
  readonly keys?: Readonly<Record<string, string>>;
}

/**
 * Defines a view. Nothing is read until it is used.
 *
 * @throws DEFINITION_INVALID for a bad name, no entity, no feature, a key that no entity has, or a push source that cannot be kept
 * @throws DURATION_INVALID for a ttl of 0 or none
 */
export function featureView<
  const Name extends string,
  const Entities extends readonly Entity[],
  const Shape extends Features,
>(options: FeatureViewOptions<Name, Entities, Shape>): FeatureView<Name, Entities, Shape> {
  const { name, entities, source, eventTime, knownAt, features } = options;
  assertName("A view", name);
  const ttl = ttlMicros(options.ttl, `ttl of "${name}"`);
  assertFeatures(name, features);
  const keys = viewKeys(name, entities, options.keys ?? {});
  const push = options.push === undefined ? undefined : pushSource(name, features, options.push);
  const pushed = pushDefinition(push);
  const definition = { kind: "view", name, keys, source: source.name, eventTime, knownAt, ttl, features, push: pushed };
  return {
    kind: "view",
    name,
    entities,
    source,
    eventTime,
    knownAt,
    ttl,
    features,
    keys,
    push,
    about: about(`The view "${name}"`, options),
    version: contentHash(definition),
  };
}

function assertFeatures(view: string, features: Features): void {
  const of = `The view "${view}"`;
  if (Object.keys(features).length === 0) {
    throw featureStoreError("DEFINITION_INVALID", { of, value: features, rule: "a view has at least one feature" });
  }
  for (const [name, feature] of Object.entries(features)) {
    assertName(`A feature of "${view}"`, name);
    if (feature.kind !== "column" && feature.kind !== "window") {
      const rule = `the feature "${name}" is a column or an aggregate of a window`;
      throw featureStoreError("DEFINITION_INVALID", { of, value: shown(feature), rule });
    }
    if (!isValueType(feature.type)) {
      throw featureStoreError("DEFINITION_INVALID", {
        of,
        value: feature.type,
        rule: `a type is one of ${scalarTypes.join(", ")}, or a vector of 1 to 65,536 float32`,
      });
    }
  }
}

function viewKeys(view: string, entities: readonly Entity[], renamed: Readonly<Record<string, string>>): ViewKey[] {
  const of = `The view "${view}"`;
  const keys = new Map<string, ViewKey>();
  for (const { key } of entities) {
    for (const [name, type] of Object.entries(key)) {
      if (keys.has(name)) {
        throw featureStoreError("DEFINITION_INVALID", { of, value: name, rule: "two entities share this key column" });
      }
      keys.set(name, { name, column: renamed[name] ?? name, type });
    }
  }
  if (keys.size === 0) {
    throw featureStoreError("DEFINITION_INVALID", { of, value: entities, rule: "a view has at least one entity" });
  }
  for (const name of Object.keys(renamed)) {
    if (!keys.has(name)) {
      throw featureStoreError("DEFINITION_INVALID", { of, value: name, rule: "no entity of the view has this key" });
    }
  }
  return [...keys.values()];
}
