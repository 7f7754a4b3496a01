import { randomUUID } from "node:crypto";
import { type Bytes, isAshlarError, type ObjectInfo, type PutOptions } from "@ashlar/core";
import { storageError } from "../errors.ts";
import type { AzureBlob, AzureFacts, AzureOptions, AzureWriteOptions } from "./azure-client.ts";
import { isBlocksGone, isNotFound, isUnmet } from "./azure-errors.ts";
import { tried } from "./backoff.ts";
import { chained, piecesOf } from "./body.ts";
import { preconditionFailed } from "./precondition.ts";
import { uploadParts } from "./upload-parts.ts";

const maxBlocks = 50_000;
const mark = "ashlarwrite";
const again = { attempts: 3, baseDelayMs: 20, maxDelayMs: 2_000 };

interface Call {
  <Output>(
    operation: string,
    key: string,
    signal: AbortSignal | undefined,
    work: (options: AzureOptions) => Promise<Output>,
  ): Promise<Output>;
}

/** One put: its place and its condition. */
interface Target {
  readonly key: string;
  readonly blob: AzureBlob;
  readonly options: PutOptions;
}

interface Stoppable {
  readonly stop: AbortController;
  readonly signal: AbortSignal;
}

/** The puts of an Azure store. */
export class AzureWriter {
  readonly #call: Call;
  readonly #store: string;
  readonly #partSize: number;
  readonly #concurrency: number;

  constructor(options: {
    readonly call: Call;
    readonly store: string;
    readonly partSize: number;
    readonly concurrency: number;
  }) {
    this.#call = options.call;
    this.#store = options.store;
    this.#partSize = options.partSize;
    this.#concurrency = options.concurrency;
  }

  async put(target: Target, body: Bytes): Promise<ObjectInfo> {
    const given = target.options.signal;
    const stop = new AbortController();
    const signal = given === undefined ? stop.signal : AbortSignal.any([given, stop.signal]);
    const pieces = piecesOf(body, this.#partSize, signal);
    try {
      const first = await pieces.next();
      const second = await pieces.next();
      return second.done === true
        ? await this.#putWhole(target, first.value ?? new Uint8Array())
        : await this.#putBlocks(target, chained([first.value, second.value], pieces), { stop, signal });
    } finally {
      await pieces.return(undefined);
    }
  }

  #putWhole(target: Target, body: Uint8Array): Promise<ObjectInfo> {
    const { blob } = target;
    return this.#decided(target, "Upload", body.byteLength, (options) => blob.upload(body, body.byteLength, options));
  }

  async #putBlocks(target: Target, pieces: AsyncIterable<Uint8Array>, given: Stoppable): Promise<ObjectInfo> {
    const { key, blob } = target;
    // Blocks are staged under the name of the blob: those of two uploads must not take each other's place.
    const upload = randomUUID();
    let size = 0;
    const send = (piece: Uint8Array, number: number, signal: AbortSignal): Promise<string> => {
      if (number > maxBlocks) throw this.#tooLarge(key);
      size += piece.byteLength;
      const id = Buffer.from(`${upload}-${String(number).padStart(5, "0")}`).toString("base64");
      return this.#stage(target, { id, piece, signal });
    };
    const ids = await uploadParts({ concurrency: this.#concurrency, ...given, pieces, send });
    return this.#decided(target, "PutBlockList", size, (options) => blob.commitBlockList(ids, options));
  }

  async #stage(
    { key, blob }: Target,
    { id, piece, signal }: { readonly id: string; readonly piece: Uint8Array; readonly signal: AbortSignal },
  ): Promise<string> {
    const isRetryable = (error: unknown): boolean => isAshlarError(error, "STORE_UNAVAILABLE");
    await tried({ ...again, signal, isRetryable }, () =>
      this.#call("PutBlock", key, signal, (options) => blob.stageBlock(id, piece, piece.byteLength, options)),
    );
    return id;
  }

  /** Writes, and finds out what came of it when the answer does not say: done, when the blob has this put's mark. */
  async #decided(
    target: Target,
    operation: string,
    size: number,
    write: (options: AzureWriteOptions) => Promise<AzureFacts>,
  ): Promise<ObjectInfo> {
    const { key, options } = target;
    const id = randomUUID();
    const isConditional = options.ifAbsent === true || options.ifMatch !== undefined;
    const marked = isConditional ? { metadata: { [mark]: id }, conditions: conditionsOf(options) } : {};
    try {
      const facts = await this.#call(operation, key, options.signal, (given) => write({ ...given, ...marked }));
      return infoOf(key, facts, size);
    } catch (error) {
      const isMissing = options.ifMatch !== undefined && isNotFound(error);
      if (!isConditional || !(isUnmet(error) || isMissing || isBlocksGone(error))) throw error;
      const found = await this.#found(target);
      if (found?.metadata?.[mark] === id) return infoOf(key, found, size);
      throw preconditionFailed(key, options, found?.etag, error);
    }
  }

  async #found({ key, blob, options: { signal } }: Target): ReturnType<AzureBlob["getProperties"]> {
    try {
      return await this.#call("GetProperties", key, signal, (options) => blob.getProperties(options));
    } catch {
      signal?.throwIfAborted();
      return {};
    }
  }

  #tooLarge(key: string): Error {
    const limit = `${maxBlocks} blocks of ${this.#partSize} bytes`;
    return storageError("OBJECT_TOO_LARGE", { key, store: this.#store, limit });
  }
}

const infoOf = (key: string, { etag = "", lastModified }: AzureFacts, size: number): ObjectInfo => ({
  key,
  size,
  etag,
  lastModified: lastModified?.getTime() ?? Date.now(),
});

const conditionsOf = ({ ifAbsent, ifMatch }: PutOptions): { ifNoneMatch?: string; ifMatch?: string } => ({
  ...(ifAbsent === true ? { ifNoneMatch: "*" } : {}),
  ...(ifMatch === undefined ? {} : { ifMatch }),
});
