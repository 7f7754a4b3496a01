import { keyId, mayReplace, type OnlineEntry, type OnlineStore, sameVector } from "./port.ts";

const entriesPerPage = 1_000;

/** An online store in this process: the default, and as fast as it gets. It forgets everything when the process ends. */
export function memory(): OnlineStore {
  const namespaces = new Map<string, { readonly vectors: Map<string, Uint8Array>; watermark: number | undefined }>();

  function space(name: string): { readonly vectors: Map<string, Uint8Array>; watermark: number | undefined } {
    const kept = namespaces.get(name) ?? { vectors: new Map<string, Uint8Array>(), watermark: undefined };
    namespaces.set(name, kept);
    return kept;
  }

  return {
    capabilities: { atomicBatch: true, expiry: false },
    async write(namespace, entries, options = {}) {
      options.signal?.throwIfAborted();
      const into = space(namespace);
      for (const { key, vector } of entries) {
        const id = keyId(key);
        if (mayReplace(into.vectors.get(id), vector)) into.vectors.set(id, vector);
      }
      if (options.watermark !== undefined) into.watermark = Math.max(into.watermark ?? -Infinity, options.watermark);
    },
    async read(namespace, keys, options = {}) {
      options.signal?.throwIfAborted();
      const from = namespaces.get(namespace);
      return { vectors: keys.map((key) => from?.vectors.get(keyId(key))), watermark: from?.watermark };
    },
    watermark: async (namespace) => namespaces.get(namespace)?.watermark,
    async *scan(namespace, options = {}) {
      let page: OnlineEntry[] = [];
      for (const [id, vector] of namespaces.get(namespace)?.vectors ?? []) {
        page.push(new KeptEntry(id, vector));
        if (page.length < entriesPerPage) continue;
        options.signal?.throwIfAborted();
        yield page;
        page = [];
      }
      options.signal?.throwIfAborted();
      if (page.length > 0) yield page;
    },
    async exchange(namespace, changes, options = {}) {
      options.signal?.throwIfAborted();
      const { vectors } = space(namespace);
      return changes.map(({ key, expected, next }) => {
        const id = keyId(key);
        const unchanged = sameVector(vectors.get(id), expected);
        if (unchanged) vectors.set(id, next);
        return unchanged;
      });
    },
    async clear(namespace, options = {}) {
      options.signal?.throwIfAborted();
      namespaces.delete(namespace);
    },
    [Symbol.asyncDispose]: async () => namespaces.clear(),
  };
}

/** An entry whose key is made when it is asked for: a search looks at few of them. */
class KeptEntry implements OnlineEntry {
  readonly vector: Uint8Array;
  readonly #id: string;

  constructor(id: string, vector: Uint8Array) {
    this.#id = id;
    this.vector = vector;
  }

  get key(): Uint8Array {
    return Buffer.from(this.#id, "latin1");
  }
}
