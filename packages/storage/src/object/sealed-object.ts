import {
  type Bytes,
  type CiphertextSource,
  concatBytes,
  isAshlarError,
  type ObjectInfo,
  type ObjectStore,
  type StoredObject,
} from "@ashlar/core";
import { storageError } from "../errors.ts";
import { prefixed } from "./prefixed.ts";

/** More than the header of an envelope with a KMS key needs. */
const beginningBytes = 1024;

interface Signalled {
  readonly signal?: AbortSignal;
}

/** One version of a stored ciphertext: its facts, and its first bytes. */
export interface SealedObject {
  readonly info: ObjectInfo;
  readonly beginning: Uint8Array;
}

/** Reads the beginning of an object, whichever version is there. @throws OBJECT_NOT_FOUND */
export async function readSealed(objects: ObjectStore, key: string, options: Signalled): Promise<SealedObject> {
  const object = await objects.get(key, { range: { start: 0, end: beginningBytes }, ...options });
  return { info: object.info, beginning: await object.bytes() };
}

/** Reads from one version only. Its reads throw OBJECT_REPLACED when another one has taken its place. */
export class SealedSource implements CiphertextSource {
  readonly size: number;
  readonly #objects: ObjectStore;
  readonly #info: ObjectInfo;
  readonly #options: Signalled;
  #beginning: Uint8Array;

  constructor(objects: ObjectStore, { info, beginning }: SealedObject, options: Signalled) {
    this.size = info.size;
    this.#objects = objects;
    this.#info = info;
    this.#options = options;
    this.#beginning = beginning;
  }

  async read(start: number, end: number): Promise<Bytes> {
    if (end <= this.#beginning.byteLength) return this.#beginning.subarray(start, end);
    const { key, etag } = this.#info;
    const object = await readVersion(this.#objects, key, { range: { start, end }, etag, ...this.#options });
    return object.stream();
  }

  /** From now on every read asks the store, and so finds out a replaced object. */
  forgetBeginning(): void {
    this.#beginning = new Uint8Array();
  }
}

async function readVersion(
  objects: ObjectStore,
  key: string,
  { etag, ...options }: Signalled & { readonly range: { readonly start: number; readonly end: number }; etag: string },
): Promise<StoredObject> {
  const replaced = (cause?: unknown): Error => storageError("OBJECT_REPLACED", { key, etag }, { cause });
  let object;
  try {
    object = await objects.get(key, options);
  } catch (error) {
    // The version was longer than the range's start: what stands there now is another one.
    if (isAshlarError(error, "RANGE_NOT_SATISFIABLE")) throw replaced(error);
    throw error;
  }
  if (object.info.etag === etag) return object;
  await object.stream().cancel();
  throw replaced();
}

/** The beginning of a stream, read on demand, and then the whole of it. */
export class Peeked {
  readonly #stream: ReadableStream<Uint8Array>;
  #held: Uint8Array = new Uint8Array();

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#stream = stream;
  }

  async read(start: number, end: number): Promise<Uint8Array> {
    const reader = this.#stream.getReader();
    try {
      while (this.#held.byteLength < end) {
        const { value, done } = await reader.read();
        if (done) break;
        this.#held = concatBytes([this.#held, value]);
      }
    } finally {
      reader.releaseLock();
    }
    return this.#held.subarray(start, end);
  }

  whole(): ReadableStream<Uint8Array> {
    return prefixed(this.#held, this.#stream);
  }

  cancel(reason: unknown): Promise<void> {
    return this.#stream.cancel(reason);
  }
}
