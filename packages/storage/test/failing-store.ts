import type { ObjectStore } from "@ashlar/core";

/**
 * A store that does something at its n-th changing call: before the call, or after it was done and before it is answered.
 * The first call is 1.
 */
export function interrupted(
  objects: ObjectStore,
  options: {
    readonly at: number;
    readonly when: "before" | "after";
    readonly interrupt: () => void;
    /** @default every put and delete */
    readonly counts?: (key: string) => boolean;
  },
): ObjectStore {
  let calls = 0;
  const around = async <Result>(key: string, call: () => Promise<Result>): Promise<Result> => {
    const due = (options.counts?.(key) ?? true) && (calls += 1) === options.at;
    if (due && options.when === "before") options.interrupt();
    const result = await call();
    if (due && options.when === "after") options.interrupt();
    return result;
  };
  return {
    capabilities: objects.capabilities,
    get: (...args) => objects.get(...args),
    head: (...args) => objects.head(...args),
    list: (...args) => objects.list(...args),
    put: (...args) => around(args[0], () => objects.put(...args)),
    delete: (...args) => around(args[0], () => objects.delete(...args)),
  };
}
