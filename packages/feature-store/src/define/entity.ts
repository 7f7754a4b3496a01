import { featureStoreError } from "../errors.ts";
import { assertName } from "./name.ts";

/** What a key column holds. Integers of every width in a table match an `int64` key. */
export type KeyType = "string" | "int64" | "boolean";

export type KeyShape = Readonly<Record<string, KeyType>>;

/** The thing features are about: an airport, a route, a customer. Its key has one or more columns. */
export interface Entity<Name extends string = string, Key extends KeyShape = KeyShape> {
  readonly kind: "entity";
  readonly name: Name;
  readonly key: Key;
}

/**
 * Defines an entity by the columns of its key, e.g. `entity({ name: "route", key: { origin: "string", to: "string" } })`.
 *
 * @throws DEFINITION_INVALID for a bad name, no key column, or an unknown type
 */
export function entity<const Name extends string, const Key extends KeyShape>(options: {
  readonly name: Name;
  readonly key: Key;
}): Entity<Name, Key> {
  assertName("An entity", options.name);
  const of = `The entity "${options.name}"`;
  const columns = Object.entries(options.key);
  if (columns.length === 0) {
    throw featureStoreError("DEFINITION_INVALID", { of, value: options.key, rule: "a key has at least one column" });
  }
  for (const [, type] of columns) {
    if (type !== "string" && type !== "int64" && type !== "boolean") {
      throw featureStoreError("DEFINITION_INVALID", { of, value: type, rule: "a key is string, int64 or boolean" });
    }
  }
  return { kind: "entity", name: options.name, key: { ...options.key } };
}
