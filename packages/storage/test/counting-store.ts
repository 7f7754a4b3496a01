import type { ObjectStore, StoredObject } from "@ashlar/core";

/** What was asked of a store. */
export interface Counts {
  gets: number;
  puts: number;
  heads: number;
  lists: number;
  /** Objects that listings gave. */
  listed: number;
  deletes: number;
  /** Bytes of the objects that were got. */
  bytes: number;
}

/** A store that counts what is asked of it. */
export function countingStore(objects: ObjectStore): { readonly objects: ObjectStore; readonly counts: Counts } {
  const counts: Counts = { gets: 0, puts: 0, heads: 0, lists: 0, listed: 0, deletes: 0, bytes: 0 };
  const counting: ObjectStore = {
    capabilities: objects.capabilities,
    async get(key, options): Promise<StoredObject> {
      counts.gets += 1;
      const object = await objects.get(key, options);
      counts.bytes += object.info.size;
      return object;
    },
    put(key, body, options) {
      counts.puts += 1;
      return objects.put(key, body, options);
    },
    head(key, options) {
      counts.heads += 1;
      return objects.head(key, options);
    },
    delete(key, options) {
      counts.deletes += 1;
      return objects.delete(key, options);
    },
    async *list(prefix, options) {
      counts.lists += 1;
      for await (const info of objects.list(prefix, options)) {
        counts.listed += 1;
        yield info;
      }
    },
  };
  return { objects: counting, counts };
}
