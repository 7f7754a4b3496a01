import { toBytes } from "../bytes.ts";
import { coreError } from "../errors.ts";
import { assertObjectKey, compareObjectKeys } from "../object-key.ts";
import {
  type Bytes,
  type GetOptions,
  type ObjectInfo,
  type ObjectStore,
  type PutOptions,
  resolveRange,
  type StoredObject,
} from "../object-store.ts";

interface Entry {
  readonly info: ObjectInfo;
  readonly content: Uint8Array;
}

const chunkBytes = 256 * 1024;

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
      return read(entry, options);
    },

    async put(key, body, options = {}) {
      assertObjectKey(key);
      options.signal?.throwIfAborted();
      const content = Uint8Array.from(await toBytes(abortable(body, options.signal)));
      // No await from here on: the check and the write are one step.
      options.signal?.throwIfAborted();
      checkPrecondition(key, entries.get(key), options);
      writes += 1;
      const info = { key, size: content.byteLength, etag: `"${writes}"`, lastModified: Date.now() };
      entries.set(key, { info, content });
      return info;
    },

    async head(key, options = {}) {
      assertObjectKey(key);
      options.signal?.throwIfAborted();
      return entries.get(key)?.info;
    },

    async delete(key, options = {}) {
      assertObjectKey(key);
      options.signal?.throwIfAborted();
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

function read({ info, content }: Entry, { range, signal }: GetOptions): StoredObject {
  const { start, end } = resolveRange(info.key, info.size, range);
  return {
    info,
    stream: () => pieces(content.subarray(start, end), signal),
    bytes: async () => {
      signal?.throwIfAborted();
      return content.slice(start, end);
    },
  };
}

function pieces(content: Uint8Array, signal: AbortSignal | undefined): ReadableStream<Uint8Array> {
  let offset = 0;
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        signal?.throwIfAborted();
        if (offset < content.byteLength) controller.enqueue(content.slice(offset, offset + chunkBytes));
        offset += chunkBytes;
        if (offset >= content.byteLength) controller.close();
      },
    },
    { highWaterMark: 0 },
  );
}

/** A body that fails, and is cancelled, when the signal aborts, even while its source is silent. */
function abortable(body: Bytes, signal: AbortSignal | undefined): Bytes {
  if (signal === undefined || body instanceof Uint8Array) return body;
  return body.pipeThrough(new TransformStream<Uint8Array, Uint8Array>(), { signal });
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
