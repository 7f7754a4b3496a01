import {
  type ByteRange,
  type Bytes,
  type Cipher,
  type ObjectStore,
  resolveRange,
  type SeekableCipher,
  type StoredObject,
  toBytes,
} from "@ashlar/core";
import { SeekableEncrypted } from "./encrypted-seekable.ts";

/**
 * Encrypts every object, bound to its key: an object that is moved to another key does not decrypt. Names and etags
 * stay visible, and sizes are a little above those of the plaintext.
 *
 * With a `SeekableCipher` (the envelope of `@ashlar/security` is one) over a store with `rangeRead`, a range reads and
 * verifies only the segments it stands in, and sizes are those of the plaintext; `head` and `list` read the beginning
 * of an object they do not know yet to tell its size. What was cut off the end of an object is found out by a read that
 * reaches the end. With any other cipher `rangeRead` is false: a range is answered, but the whole object is read and
 * verified for it, and `info.size` is the size of the ciphertext.
 *
 * Reads fail with DECRYPTION_FAILED, and with OBJECT_REPLACED when an object is replaced over and over under a read.
 *
 * @param objects where the ciphertext goes
 * @param options.cipher encrypts and verifies; it gets the context `{ key }`
 */
export function encrypted(objects: ObjectStore, options: { readonly cipher: Cipher | SeekableCipher }): ObjectStore {
  const { cipher } = options;
  return isSeekable(cipher) && objects.capabilities.rangeRead
    ? new SeekableEncrypted(objects, cipher)
    : encryptedWhole(objects, cipher);
}

const isSeekable = (cipher: Cipher): cipher is SeekableCipher => "open" in cipher && "plaintextSize" in cipher;

function encryptedWhole(objects: ObjectStore, cipher: Cipher): ObjectStore {
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

function ranged(sealed: StoredObject, whole: Uint8Array, range: ByteRange): StoredObject {
  const { start, end } = resolveRange(sealed.info.key, whole.byteLength, range);
  const part = whole.slice(start, end);
  return { info: sealed.info, stream: () => new Blob([part]).stream(), bytes: async () => part };
}
