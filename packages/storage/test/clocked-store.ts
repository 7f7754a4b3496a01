import type { ObjectInfo, ObjectStore } from "@ashlar/core";

/** A store whose objects were last changed, by its own clock, when they were put. */
export function clockedStore(objects: ObjectStore, now: () => number): ObjectStore {
  const times = new Map<string, number>();
  const timed = (info: ObjectInfo): ObjectInfo => ({ ...info, lastModified: times.get(info.key) ?? info.lastModified });
  return {
    capabilities: objects.capabilities,
    get: (key, options) => objects.get(key, options),
    async put(key, body, options) {
      const info = await objects.put(key, body, options);
      times.set(key, now());
      return timed(info);
    },
    async head(key, options) {
      const info = await objects.head(key, options);
      return info && timed(info);
    },
    delete: (key, options) => objects.delete(key, options),
    async *list(prefix, options) {
      for await (const info of objects.list(prefix, options)) yield timed(info);
    },
  };
}
