import {
  type Bytes,
  type Clock,
  type GetOptions,
  isAshlarError,
  type ListOptions,
  type ObjectInfo,
  type ObjectStore,
  type ObjectStoreCapabilities,
  type PutOptions,
  resolveRange,
  type StoredObject,
  toBytes,
} from "@ashlar/core";
import { tried, type Trial, waited } from "./backoff.ts";
import { chunksOf } from "./body.ts";
import { ResumedBody } from "./resumed-body.ts";
import { assertInteger } from "./transfer-options.ts";

export interface RetryingOptions {
  /** Tries in all; a body and a listing have as many after each piece that came through. @default 5 */
  readonly attempts?: number;
  /** The first delay is a random part of this; each further one of twice as much. @default 50 */
  readonly baseDelayMs?: number;
  /** The longest delay; a store that asks for a longer one is not waited for. @default 10_000 */
  readonly maxDelayMs?: number;
  /** @default errors of an Ashlar package that say so, and failed connections of Node */
  readonly isRetryable?: (error: unknown) => boolean;
  /** @default the system clock */
  readonly clock?: Clock;
  /** From 0 up to 1. @default Math.random */
  readonly random?: () => number;
}

/**
 * Tries again what is safe to try again, with full jitter, and after the time the store asks for (`retryAfterMs` in the
 * details of its error). A body that breaks off goes on from the byte it had reached, of the same version or not at all
 * (OBJECT_REPLACED); a listing goes on after its last key. A put of bytes is made again; when its condition then fails,
 * the object is read, and if it is what was put, the first answer was lost and the put is done. A put of a stream is
 * not made again: the stream is gone.
 *
 * @throws OPTION_INVALID
 */
export function retrying(objects: ObjectStore, options: RetryingOptions = {}): ObjectStore {
  return new Retrying(objects, options);
}

class Retrying implements ObjectStore {
  readonly capabilities: ObjectStoreCapabilities;
  readonly #objects: ObjectStore;
  readonly #trial: Trial;

  constructor(objects: ObjectStore, options: RetryingOptions) {
    const { attempts = 5, baseDelayMs = 50, maxDelayMs = 10_000, isRetryable = isTransient, ...rest } = options;
    assertInteger("attempts", attempts, 1, 1_000);
    assertInteger("baseDelayMs", baseDelayMs, 0, 3_600_000);
    assertInteger("maxDelayMs", maxDelayMs, 0, 86_400_000);
    this.capabilities = objects.capabilities;
    this.#objects = objects;
    this.#trial = { attempts, baseDelayMs, maxDelayMs, isRetryable, ...rest };
  }

  async get(key: string, options: GetOptions = {}): Promise<StoredObject> {
    const trial = { ...this.#trial, signal: options.signal };
    const object = await tried(trial, () => this.#objects.get(key, options));
    const { start, end } = resolveRange(key, object.info.size, options.range);
    const stream = (): ReadableStream<Uint8Array> =>
      new ResumedBody({ objects: this.#objects, object, trial, start, end }).stream();
    return { info: object.info, stream, bytes: () => toBytes(stream()) };
  }

  async put(key: string, body: Bytes, options: PutOptions = {}): Promise<ObjectInfo> {
    if (!(body instanceof Uint8Array)) return this.#objects.put(key, body, options);
    return tried({ ...this.#trial, signal: options.signal }, async (attempt) => {
      try {
        return await this.#objects.put(key, body, options);
      } catch (error) {
        const mayBeDone = attempt > 1 && isAshlarError(error, "PRECONDITION_FAILED");
        const own = mayBeDone ? await this.#ifSame(key, body, options.signal) : undefined;
        if (own === undefined) throw error;
        return own;
      }
    });
  }

  head(key: string, options: { readonly signal?: AbortSignal } = {}): Promise<ObjectInfo | undefined> {
    return tried({ ...this.#trial, signal: options.signal }, () => this.#objects.head(key, options));
  }

  delete(key: string, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    return tried({ ...this.#trial, signal: options.signal }, () => this.#objects.delete(key, options));
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ObjectInfo> {
    let { startAfter } = options;
    for (let attempt = 1; ; attempt++) {
      try {
        const from = startAfter === undefined ? options : { ...options, startAfter };
        for await (const info of this.#objects.list(prefix, from)) {
          attempt = 1;
          startAfter = info.key;
          yield info;
        }
        return;
      } catch (error) {
        options.signal?.throwIfAborted();
        const { attempts, isRetryable } = this.#trial;
        const mayTry = attempt < attempts && isRetryable(error);
        if (!mayTry || !(await waited({ ...this.#trial, signal: options.signal }, attempt, error))) throw error;
      }
    }
  }

  /** The facts of an object that has just these bytes. */
  async #ifSame(key: string, body: Uint8Array, signal: AbortSignal | undefined): Promise<ObjectInfo | undefined> {
    try {
      const object = await this.get(key, signal === undefined ? {} : { signal });
      const stream = object.stream();
      // One that is not read is let go of.
      if (object.info.size !== body.byteLength) await stream.cancel();
      else if (await begins(body, stream)) return object.info;
      return undefined;
    } catch (error) {
      if (isAshlarError(error, "OBJECT_NOT_FOUND")) return undefined;
      throw error;
    }
  }
}

async function begins(body: Uint8Array, stream: ReadableStream<Uint8Array>): Promise<boolean> {
  let position = 0;
  for await (const chunk of chunksOf(stream)) {
    if (Buffer.compare(chunk, body.subarray(position, position + chunk.byteLength)) !== 0) return false;
    position += chunk.byteLength;
  }
  return position === body.byteLength;
}

const connectionErrors = new Set([
  "EAI_AGAIN",
  "ECONNABORTED",
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EPIPE",
  "ETIMEDOUT",
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_SOCKET",
]);

function isTransient(error: unknown): boolean {
  if (isAshlarError(error)) return error.retryable;
  return error instanceof Error && "code" in error && connectionErrors.has(String(error.code));
}
