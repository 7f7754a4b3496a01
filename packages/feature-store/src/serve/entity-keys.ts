import type { FeatureView } from "../define/feature-view.ts";
import { featureStoreError } from "../errors.ts";
import { exactInteger, isInteger, type KeyPart } from "../offline/key-dictionary.ts";
import { entityKey } from "../online/entity-key.ts";

/**
 * The keys of some entities in a view, as an online store has them; undefined where a key, or a part of it, is null.
 *
 * @throws ENTITY_KEY_INVALID for a key that is not there, or of another type
 */
export function entityKeys(
  view: FeatureView,
  entities: readonly Readonly<Record<string, unknown>>[],
): (Uint8Array | undefined)[] {
  return entities.map((row, i) => keyOf(view, row, i));
}

function keyOf(view: FeatureView, row: Readonly<Record<string, unknown>>, i: number): Uint8Array | undefined {
  const parts: KeyPart[] = [];
  let missing = false;
  for (const { name, type } of view.keys) {
    const value = row[name];
    if (value === null) missing = true;
    else if (type === "int64" && isInteger(value)) parts.push(exactInteger(value));
    else if (type !== "int64" && typeof value === type) parts.push(value as KeyPart);
    else throw featureStoreError("ENTITY_KEY_INVALID", { key: name, row: i, value, wanted: `a key of type ${type}` });
  }
  return missing ? undefined : entityKey(parts);
}
