import { Readable } from "node:stream";
import {
  assertObjectKey,
  type ByteRange,
  type Bytes,
  compareObjectKeys,
  type GetOptions,
  type ListOptions,
  type ObjectInfo,
  type ObjectStore,
  type PutOptions,
  type StoredObject,
  toBytes,
  coreError,
} from "@ashlar/core";
import { storageError } from "../errors.ts";
import type { AzureBlob, AzureContainer, AzureDownload, AzureFacts, AzureOptions } from "./azure-client.ts";
import { azureFailure, isNotFound, isPastEnd } from "./azure-errors.ts";
import { AzureWriter } from "./azure-write.ts";
import { networkBody } from "./network-body.ts";
import { canBeginKey, isObjectKey, storePrefix } from "./prefix.ts";
import { rangedGet } from "./ranged-get.ts";
import { assertTransferOptions } from "./transfer-options.ts";

export type * from "./azure-client.ts";

export interface AzureBlobOptions {
  /** Your container client, with its credential and retries. */
  readonly client: AzureContainer;
  /** Stands before every key, with a slash between. @default "" */
  readonly prefix?: string;
  /** Bytes of a block, 64 KiB to 4,000 MiB. An object has at most 50,000 blocks. @default 16 MiB */
  readonly partSize?: number;
  /** Blocks of one object on their way at a time; one more is held in memory. @default 4 */
  readonly concurrency?: number;
  /** Names asked for at a time by `list`. @default 5_000 */
  readonly pageSize?: number;
}

const mebibyte = 1024 * 1024;

/**
 * A container of Azure Blob Storage. Objects are block blobs; those above one block are staged and then committed, and
 * what was staged and never committed is nobody's to see, and dropped by the service after a week. Two writers who
 * stage blocks of one key at the same time are decided by the first commit: the other is refused its condition, or
 * fails with STORE_UNAVAILABLE when it has none.
 *
 * A conditional put carries its own mark in the blob's metadata (`ashlarwrite`), so that a put whose answer was lost
 * and that the SDK made again is told from one that lost.
 *
 * Azure promises an alphabetical order of names, not which, and cannot start after a key: `list` reads all names of a
 * prefix, some 200 bytes of memory each, and sorts them before it gives the first. Azure takes a backslash for a slash:
 * a key with one is refused with OBJECT_KEY_CONFLICT. Avoid segments that end in a dot.
 *
 * Its methods throw STORE_REFUSED (container, permissions), STORE_UNAVAILABLE (network, throttling; retryable), and
 * OBJECT_TOO_LARGE.
 *
 * @throws OPTION_INVALID, INVALID_KEY for the prefix
 */
export function azureBlob(options: AzureBlobOptions): ObjectStore {
  return new AzureStore(options);
}

class AzureStore implements ObjectStore {
  readonly capabilities = { conditionalPut: true, rangeRead: true } as const;
  readonly #client: AzureContainer;
  readonly #prefix: string;
  readonly #writer: AzureWriter;
  readonly #pageSize: number;

  constructor({ client, prefix = "", partSize = 16 * mebibyte, concurrency = 4, pageSize = 5000 }: AzureBlobOptions) {
    const bounds = { minPart: 64 * 1024, maxPart: 4000 * mebibyte };
    assertTransferOptions({ partSize, concurrency, pageSize }, bounds);
    this.#client = client;
    this.#prefix = storePrefix(prefix);
    this.#pageSize = pageSize;
    const call = this.#call.bind(this);
    this.#writer = new AzureWriter({ call, partSize, concurrency, store: `azure://${client.containerName}` });
  }

  async get(key: string, options: GetOptions = {}): Promise<StoredObject> {
    const blob = this.#blob(key);
    const { signal } = options;
    if (!isHeld(key)) throw coreError("OBJECT_NOT_FOUND", { key });
    return rangedGet(key, options, {
      read: (range) => this.#read(key, blob, { range, signal }),
      head: () => this.head(key, signal === undefined ? {} : { signal }),
    });
  }

  async put(key: string, body: Bytes, options: PutOptions = {}): Promise<ObjectInfo> {
    const blob = this.#blob(key);
    options.signal?.throwIfAborted();
    if (!isHeld(key)) {
      const reason = "Azure takes a backslash for a slash";
      throw storageError("OBJECT_KEY_CONFLICT", { key, other: key.replaceAll("\\", "/"), reason });
    }
    return this.#writer.put({ key, blob, options }, body);
  }

  async head(key: string, { signal }: { readonly signal?: AbortSignal } = {}): Promise<ObjectInfo | undefined> {
    const blob = this.#blob(key);
    if (!isHeld(key)) return undefined;
    try {
      const facts = await this.#call("GetProperties", key, signal, (options) => blob.getProperties(options));
      return infoOf(key, facts, facts.contentLength ?? 0);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async delete(key: string, { signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const blob = this.#blob(key);
    if (!isHeld(key)) return;
    await this.#call("Delete", key, signal, (options) => blob.deleteIfExists(options));
  }

  async *list(prefix: string, { startAfter, signal }: ListOptions = {}): AsyncGenerator<ObjectInfo> {
    if (!canBeginKey(prefix)) return;
    const found = await this.#call("ListBlobs", prefix, signal, (options) => this.#all(prefix, startAfter, options));
    for (const info of found.sort((a, b) => compareObjectKeys(a.key, b.key))) {
      signal?.throwIfAborted();
      yield info;
    }
  }

  async #all(prefix: string, startAfter: string | undefined, options: AzureOptions): Promise<ObjectInfo[]> {
    const found: ObjectInfo[] = [];
    const pages = this.#client.listBlobsFlat({ prefix: this.#prefix + prefix, ...options });
    for await (const { segment } of pages.byPage({ maxPageSize: this.#pageSize })) {
      for (const { name, properties } of segment.blobItems) {
        const key = name.slice(this.#prefix.length);
        if (!isObjectKey(key) || (startAfter !== undefined && compareObjectKeys(key, startAfter) <= 0)) continue;
        found.push(infoOf(key, properties, properties.contentLength ?? 0));
      }
    }
    return found;
  }

  /** Undefined when the range lies past the end. */
  async #read(
    key: string,
    blob: AzureBlob,
    { range, signal }: { readonly range: ByteRange | undefined; readonly signal: AbortSignal | undefined },
  ): Promise<StoredObject | undefined> {
    const { start, end } = range ?? { start: 0 };
    const count = end === undefined ? undefined : end - start;
    let download: AzureDownload;
    try {
      download = await this.#call("Get", key, signal, (options) => blob.download(start, count, options));
    } catch (error) {
      if (isNotFound(error)) throw coreError("OBJECT_NOT_FOUND", { key }, { cause: error });
      if (isPastEnd(error)) return undefined;
      throw error;
    }
    const { readableStreamBody: body, contentLength: expected, contentRange } = download;
    const failed = (cause: unknown): Error => this.#failure(cause, "Get", key);
    if (!(body instanceof Readable) || expected === undefined) throw failed(new Error("the answer is incomplete"));
    const size = contentRange === undefined ? expected : Number(contentRange.split("/").at(-1));
    if (start > 0 && start >= size) {
      // Azurite answers a range that begins at the very end, with nothing.
      body.destroy();
      return undefined;
    }
    const stream = (): ReadableStream<Uint8Array> =>
      networkBody(Readable.toWeb(body) as ReadableStream<Uint8Array>, { expected, signal, failed });
    return { info: infoOf(key, download, size), stream, bytes: () => toBytes(stream()) };
  }

  #blob(key: string): AzureBlob {
    assertObjectKey(key);
    const name = this.#prefix + key;
    if (this.#prefix !== "") assertObjectKey(name);
    return this.#client.getBlockBlobClient(name);
  }

  /** Fails with the signal's reason, or with an error whose cause is that of the SDK: see `azure-errors.ts`. */
  async #call<Output>(
    operation: string,
    key: string,
    signal: AbortSignal | undefined,
    work: (options: AzureOptions) => Promise<Output>,
  ): Promise<Output> {
    signal?.throwIfAborted();
    try {
      return await work(signal === undefined ? {} : { abortSignal: signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw this.#failure(error, operation, key);
    }
  }

  #failure(cause: unknown, operation: string, key: string): Error {
    return azureFailure(cause, { store: `azure://${this.#client.containerName}`, operation, key });
  }
}

/** Under a key with a backslash another object would be found. */
const isHeld = (key: string): boolean => !key.includes("\\");

/** Listings give etags without their quotes, headers with them. */
const quoted = (etag: string): string => (etag.startsWith('"') ? etag : `"${etag}"`);

const infoOf = (key: string, { etag, lastModified }: AzureFacts, size: number): ObjectInfo => ({
  key,
  size,
  etag: quoted(etag ?? ""),
  lastModified: lastModified?.getTime() ?? 0,
});
