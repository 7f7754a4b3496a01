import { type Bytes, type Cipher, coreError, type ObjectStore, type StoredObject, toBytes } from "@ashlar/core";

/**
 * Encrypts every object whole, bound to its key: an object that is moved to another key does not decrypt. Names, sizes
 * (a little above those of the plaintext) and etags stay visible.
 *
 * `rangeRead` is false: a range is answered, but the whole object is read and verified for it. `info.size` is the size
 * of the ciphertext.
 *
 * @param objects where the ciphertext goes
 * @param options.cipher encrypts and verifies; it gets the context `{ key }`
 */
export function encrypted(objects: ObjectStore, options: { readonly cipher: Cipher }): ObjectStore {
  const { cipher } = options;
  return {
    capabilities: { conditionalPut: objects.capabilities.conditionalPut, rangeRead: false },
    async get(key, { range, signal } = {}) {
      const sealed = await objects.get(key, signal ? { signal } : {});
      const open = (): ReadableStream<Uint8Array> =>
        cipher.decrypt(sealed.stream(), { context: { key }, ...(signal ? { signal } : {}) });
      return range === undefined ? opened(sealed, open) : ranged(sealed, await toBytes(open()), range);
    },
    put(key, body, putOptions = {}) {
      const { signal } = putOptions;
      const sealed: Bytes = cipher.encrypt(body, { context: { key }, ...(signal ? { signal } : {}) });
      return objects.put(key, sealed, putOptions);
    },
    head: (key, headOptions) => objects.head(key, headOptions),
    delete: (key, deleteOptions) => objects.delete(key, deleteOptions),
    list: (prefix, listOptions) => objects.list(prefix, listOptions),
  };
}

function opened(sealed: StoredObject, open: () => ReadableStream<Uint8Array>): StoredObject {
  return { info: sealed.info, stream: open, bytes: () => toBytes(open()) };
}

function ranged(
  sealed: StoredObject,
  whole: Uint8Array,
  range: { readonly start: number; readonly end?: number },
): StoredObject {
  const { key } = sealed.info;
  if (range.start > 0 && range.start >= whole.byteLength) {
    throw coreError("RANGE_NOT_SATISFIABLE", { key, start: range.start, size: whole.byteLength });
  }
  const part = whole.slice(range.start, range.end);
  return { info: sealed.info, stream: () => new Blob([part]).stream(), bytes: async () => part };
}
