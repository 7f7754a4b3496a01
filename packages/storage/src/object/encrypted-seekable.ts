import {
  type ByteRange,
  type Bytes,
  type GetOptions,
  isAshlarError,
  type ListOptions,
  type ObjectInfo,
  type ObjectStore,
  type ObjectStoreCapabilities,
  type PutOptions,
  resolveRange,
  type SeekableCipher,
  type StoredObject,
  toBytes,
} from "@ashlar/core";
import { ahead } from "./in-flight.ts";
import { primed } from "./primed.ts";
import { Recent } from "./recent.ts";
import { Peeked, readSealed, type SealedObject, SealedSource } from "./sealed-object.ts";

const rememberedBeginnings = 4096;
const listedAhead = 8;
const maxVersions = 20;

/** @see encrypted */
export class SeekableEncrypted implements ObjectStore {
  readonly capabilities: ObjectStoreCapabilities;
  readonly #objects: ObjectStore;
  readonly #cipher: SeekableCipher;
  /** The first bytes of versions read lately: they say how long the plaintext is, and hold no secret. */
  readonly #beginnings: Recent<SealedObject> = new Recent(rememberedBeginnings);

  constructor(objects: ObjectStore, cipher: SeekableCipher) {
    this.capabilities = objects.capabilities;
    this.#objects = objects;
    this.#cipher = cipher;
  }

  async get(key: string, { range, signal }: GetOptions = {}): Promise<StoredObject> {
    const given = signal === undefined ? {} : { signal };
    if (range === undefined) return this.#getWhole(key, given);
    for (let version = 1; ; version++) {
      const known = version === 1 ? this.#beginnings.get(key) : undefined;
      const sealed = known ?? (await this.#beginning(key, given));
      try {
        const part = await this.#getRange(sealed, range, { ...given, isKnown: known !== undefined });
        if (part !== undefined) return part;
      } catch (error) {
        signal?.throwIfAborted();
        // What was known may be of an older version; what was read just now is of an older one only when it says so.
        const isOutdated = known !== undefined || isAshlarError(error, "OBJECT_REPLACED");
        if (!isOutdated || version >= maxVersions) throw error;
      }
      this.#beginnings.delete(key);
    }
  }

  async put(key: string, body: Bytes, options: PutOptions = {}): Promise<ObjectInfo> {
    let size = body instanceof Uint8Array ? body.byteLength : 0;
    const plaintext = body instanceof Uint8Array ? body : observed(body, (chunk) => (size += chunk.byteLength));
    const { signal } = options;
    const sealed = this.#cipher.encrypt(plaintext, { context: { key }, ...(signal ? { signal } : {}) });
    const info = await this.#objects.put(key, sealed, options);
    return { ...info, size };
  }

  async head(key: string, options: { readonly signal?: AbortSignal } = {}): Promise<ObjectInfo | undefined> {
    const info = await this.#objects.head(key, options);
    return info === undefined ? undefined : this.#described(info, options);
  }

  async delete(key: string, options?: { readonly signal?: AbortSignal }): Promise<void> {
    await this.#objects.delete(key, options);
    this.#beginnings.delete(key);
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ObjectInfo> {
    const { signal } = options;
    const given = signal === undefined ? {} : { signal };
    const describe = (info: ObjectInfo): Promise<ObjectInfo | undefined> => this.#described(info, given);
    for await (const info of ahead(this.#objects.list(prefix, options), listedAhead, describe)) {
      signal?.throwIfAborted();
      if (info !== undefined) yield info;
    }
  }

  async #getWhole(key: string, given: { readonly signal?: AbortSignal }): Promise<StoredObject> {
    const object = await this.#objects.get(key, given);
    const peeked = new Peeked(object.stream());
    try {
      const size = await this.#cipher.plaintextSize({
        size: object.info.size,
        read: (start, end) => peeked.read(start, end),
      });
      const open = (): ReadableStream<Uint8Array> =>
        this.#cipher.decrypt(peeked.whole(), { context: { key }, ...given });
      return { info: { ...object.info, size }, stream: open, bytes: () => toBytes(open()) };
    } catch (error) {
      await peeked.cancel(error).catch(() => {});
      throw error;
    }
  }

  /** Undefined when nothing of the object would be read, and so nothing would tell whether it is still there. */
  async #getRange(
    sealed: SealedObject,
    range: ByteRange,
    { isKnown, ...given }: { readonly signal?: AbortSignal; readonly isKnown: boolean },
  ): Promise<StoredObject | undefined> {
    const { key } = sealed.info;
    const source = new SealedSource(this.#objects, sealed, given);
    const opened = await this.#cipher.open(source, { context: { key }, ...given });
    if (isKnown) source.forgetBeginning();
    // Where the answer is that the object ends, its end must be proven.
    if (range.start >= opened.size) await opened.verifyEnd(given);
    const { start, end } = resolveRange(key, opened.size, range);
    if (isKnown && start === end) return undefined;
    const part = await primed(opened.read(start, end, given));
    return { info: { ...sealed.info, size: opened.size }, stream: () => part, bytes: () => toBytes(part) };
  }

  async #beginning(key: string, given: { readonly signal?: AbortSignal }): Promise<SealedObject> {
    const sealed = await readSealed(this.#objects, key, given);
    this.#beginnings.set(key, sealed);
    return sealed;
  }

  /** The facts of an object with the size of its plaintext; of what stands there now, when it was replaced. */
  async #described(info: ObjectInfo, given: { readonly signal?: AbortSignal }): Promise<ObjectInfo | undefined> {
    try {
      const known = this.#beginnings.get(info.key);
      const sealed = known?.info.etag === info.etag ? known : await this.#beginning(info.key, given);
      const size = await this.#cipher.plaintextSize(new SealedSource(this.#objects, sealed, given));
      return { ...sealed.info, size };
    } catch (error) {
      if (isAshlarError(error, "OBJECT_NOT_FOUND")) return undefined;
      // What is no ciphertext is listed all the same, so that it can be found and deleted.
      if (isAshlarError(error, "DECRYPTION_FAILED")) return info;
      throw error;
    }
  }
}

/** The same chunks, no faster than they are read. A transform stream would do, at several times the cost of a chunk. */
function observed(body: ReadableStream<Uint8Array>, see: (chunk: Uint8Array) => void): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { value, done } = await reader.read();
        if (done) return controller.close();
        see(value);
        controller.enqueue(value);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}
