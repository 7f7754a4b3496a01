import { isAshlarError, type ObjectInfo, type ObjectStore } from "@ashlar/core";
import { concurrently } from "../artifact/concurrently.ts";

/** A small object that is to be there. */
export interface NewObject {
  readonly key: string;
  readonly body: Uint8Array;
}

export interface PutsAbsent {
  /**
   * Puts many objects with `ifAbsent`, each atomic on its own. When it resolves all of them are durable: they share the
   * waits for the disk. Undefined for one that is there already. @throws INVALID_KEY, OBJECT_KEY_CONFLICT
   */
  putAbsent(
    objects: readonly NewObject[],
    options?: { readonly signal?: AbortSignal },
  ): Promise<readonly (ObjectInfo | undefined)[]>;
}

const callsAtOnce = 16;

/** Puts objects that are not there: together where the store can, else some at a time. */
export async function putAbsent(
  store: ObjectStore & Partial<PutsAbsent>,
  objects: readonly NewObject[],
  options: { readonly signal?: AbortSignal } = {},
): Promise<readonly (ObjectInfo | undefined)[]> {
  return store.putAbsent === undefined ? putEach(store, objects, options) : store.putAbsent(objects, options);
}

/** The same, each by a put of its own. */
export function putEach(
  store: ObjectStore,
  objects: readonly NewObject[],
  options: { readonly signal?: AbortSignal } = {},
): Promise<readonly (ObjectInfo | undefined)[]> {
  return concurrently(objects, callsAtOnce, async ({ key, body }) => {
    try {
      return await store.put(key, body, { ...options, ifAbsent: true });
    } catch (error) {
      if (isAshlarError(error, "PRECONDITION_FAILED")) return undefined;
      throw error;
    }
  });
}
