import type { ObjectInfo, ObjectStore } from "@ashlar/core";

/** A store whose objects say they were last changed when a test says so. */
export function agedStore(objects: ObjectStore): {
  readonly objects: ObjectStore;
  /** Sets the time, epoch milliseconds, of every object whose key starts so. */
  age(prefix: string, time: number): void;
} {
  const ages: { readonly prefix: string; readonly time: number }[] = [];
  const aged = (info: ObjectInfo): ObjectInfo => {
    const age = ages.findLast(({ prefix }) => info.key.startsWith(prefix));
    return age === undefined ? info : { ...info, lastModified: age.time };
  };
  return {
    age: (prefix, time) => ages.push({ prefix, time }),
    objects: {
      capabilities: objects.capabilities,
      get: (key, options) => objects.get(key, options),
      put: async (key, body, options) => aged(await objects.put(key, body, options)),
      async head(key, options) {
        const info = await objects.head(key, options);
        return info && aged(info);
      },
      delete: (key, options) => objects.delete(key, options),
      async *list(prefix, options) {
        for await (const info of objects.list(prefix, options)) yield aged(info);
      },
    },
  };
}
