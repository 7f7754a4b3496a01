import type { ObjectStore } from "@ashlar/core";

/** A store whose puts wait for what is done first, and fail as that does. */
export function interceptedStore(
  objects: ObjectStore,
  before: { readonly put: (key: string) => Promise<void> | undefined },
): ObjectStore {
  return new Proxy(objects, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      if (name !== "put") return value.bind(target) as unknown;
      return async (...args: Parameters<ObjectStore["put"]>) => {
        await before.put(args[0]);
        return target.put(...args);
      };
    },
  });
}
