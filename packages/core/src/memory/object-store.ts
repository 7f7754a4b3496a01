import { toBytes } from "../bytes.ts";
import { coreError } from "../errors.ts";
import { assertObjectKey, compareObjectKeys } from "../object-key.ts";
import { toStream } from "../bytes.ts";
import type { ObjectInfo, ObjectStore, PutOptions, StoredObject } from "../object-store.ts";

interface Entry {
  readonly info: ObjectInfo;
  readonly content: Uint8Array;
}

/** An object store in a map: for tests, examples and small state. */
export function memoryObjectStore(): ObjectStore {
  const entries = new Map<string, Entry>();
  let writes = 0;

  return {
    capabilities: { conditionalPut: true, rangeRead: true },

    async get(key, options = {}) {
      assertObjectKey(key);
      options.signal?.throwIfAborted();
      const entry = entries.get(key);
      if (entry === undefined) throw coreError("OBJECT_NOT_FOUND", { key });
      return read(entry, options.range);
    },

    async put(key, body, options = {}) {
      assertObjectKey(key);
      options.signal?.throwIfAborted();
      const content = Uint8Array.from(await toBytes(body));
      // No await from here on: the check and the write are one step.
      options.signal?.throwIfAborted();
      checkPrecondition(key, entries.get(key), options);
      writes += 1;
      const info = { key, size: content.byteLength, etag: `"${writes}"`, lastModified: Date.now() };
      entries.set(key, { info, content });
      return info;
    },

    async head(key) {
      assertObjectKey(key);
      return entries.get(key)?.info;
    },

    async delete(key) {
      assertObjectKey(key);
      entries.delete(key);
    },

    async *list(prefix, options = {}) {
      const keys = [...entries.keys()].filter((key) => key.startsWith(prefix)).sort(compareObjectKeys);
      for (const key of keys) {
        options.signal?.throwIfAborted();
        if (options.startAfter !== undefined && compareObjectKeys(key, options.startAfter) <= 0) continue;
        const entry = entries.get(key);
        if (entry !== undefined) yield entry.info;
      }
    },
  };
}

function read(entry: Entry, range?: { readonly start: number; readonly end?: number }): StoredObject {
  const { key, size } = entry.info;
  if (range !== undefined && range.start >= size && !(range.start === 0 && size === 0)) {
    throw coreError("RANGE_NOT_SATISFIABLE", { key, start: range.start, size });
  }
  const content = range === undefined ? entry.content : entry.content.subarray(range.start, range.end);
  return {
    info: entry.info,
    stream: () => toStream(content.slice()),
    bytes: async () => content.slice(),
  };
}

function checkPrecondition(key: string, existing: Entry | undefined, options: PutOptions): void {
  if (options.ifAbsent === true && existing !== undefined) {
    throw coreError("PRECONDITION_FAILED", { key, expected: "absent", actual: "it exists" });
  }
  if (options.ifMatch !== undefined && existing?.info.etag !== options.ifMatch) {
    const actual = existing === undefined ? "it does not exist" : `its etag is ${existing.info.etag}`;
    throw coreError("PRECONDITION_FAILED", { key, expected: `its etag is ${options.ifMatch}`, actual });
  }
}
