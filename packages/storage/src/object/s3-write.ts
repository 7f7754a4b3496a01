import { randomUUID } from "node:crypto";
import { type Bytes, isAshlarError, type ObjectInfo, type PutOptions } from "@ashlar/core";
import { storageError } from "../errors.ts";
import { tried } from "./backoff.ts";
import { chained, piecesOf } from "./body.ts";
import { preconditionFailed } from "./precondition.ts";
import type { S3Commands } from "./s3-commands.ts";
import { isConflict, isNotFound, statusOf } from "./s3-errors.ts";
import type { S3Session } from "./s3-session.ts";
import { uploadParts } from "./upload-parts.ts";

const maxParts = 10_000;
const mark = "ashlar-write";
const again = { attempts: 8, baseDelayMs: 20, maxDelayMs: 2_000 };

interface Written {
  readonly ETag?: string;
}

interface Part extends Written {
  readonly UploadId?: string;
  readonly ChecksumCRC32?: string;
}

interface PartReceipt {
  ETag: string;
  PartNumber: number;
  ChecksumCRC32?: string;
}

type Completion = ConstructorParameters<S3Commands["CompleteMultipartUploadCommand"]>[0];

interface Head extends Written {
  readonly Metadata?: Readonly<Record<string, string>>;
}

interface Stoppable {
  readonly stop: AbortController;
  readonly signal: AbortSignal;
}

/** One put: its place, its condition, and the mark it is known by. */
interface Put {
  readonly key: string;
  readonly name: { readonly Bucket: string; readonly Key: string };
  readonly options: PutOptions;
  readonly metadata: Record<string, string>;
}

/** The puts of an S3 store. */
export class S3Writer {
  readonly #session: S3Session;
  readonly #partSize: number;
  readonly #concurrency: number;

  constructor(session: S3Session, options: { readonly partSize: number; readonly concurrency: number }) {
    this.#session = session;
    this.#partSize = options.partSize;
    this.#concurrency = options.concurrency;
  }

  async put(key: string, body: Bytes, options: PutOptions): Promise<ObjectInfo> {
    const put = { key, name: this.#session.nameOf(key), options, metadata: { [mark]: randomUUID() } };
    options.signal?.throwIfAborted();
    const stop = new AbortController();
    const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
    const pieces = piecesOf(body, this.#partSize, signal);
    try {
      const first = await pieces.next();
      const second = await pieces.next();
      return second.done === true
        ? await this.#putWhole(put, first.value ?? new Uint8Array())
        : await this.#putParts(put, chained([first.value, second.value], pieces), { stop, signal });
    } finally {
      await pieces.return(undefined);
    }
  }

  async #putWhole(put: Put, body: Uint8Array): Promise<ObjectInfo> {
    const { name, options, metadata } = put;
    const marked = isConditional(options) ? { Metadata: metadata } : {};
    const input = { ...name, ...conditionOf(options), ...marked, Body: body };
    const request = { operation: "PutObject", key: put.key, signal: options.signal };
    try {
      const { ETag } = await tried({ ...again, signal: options.signal, isRetryable: isConflict }, () =>
        this.#session.send<Written>(request, (commands) => new commands.PutObjectCommand(input)),
      );
      return this.#written(put, ETag, body.byteLength);
    } catch (error) {
      return await this.#settled(put, { error, size: body.byteLength });
    }
  }

  async #putParts(put: Put, pieces: AsyncIterable<Uint8Array>, given: Stoppable): Promise<ObjectInfo> {
    const { key, name, options, metadata } = put;
    const { signal } = options;
    const input = { ...name, Metadata: metadata };
    const creation = { operation: "CreateMultipartUpload", key, signal };
    const { UploadId } = await this.#session.send<Part>(
      creation,
      (commands) => new commands.CreateMultipartUploadCommand(input),
    );
    if (UploadId === undefined) throw this.#session.incomplete("CreateMultipartUpload", key);
    const target = { ...name, UploadId };
    let size = 0;
    try {
      const send = (Body: Uint8Array, PartNumber: number, partSignal: AbortSignal): Promise<PartReceipt> => {
        if (PartNumber > maxParts) throw this.#tooLarge(key);
        size += Body.byteLength;
        return this.#sendPart({ key, signal: partSignal }, { ...target, PartNumber, Body });
      };
      const Parts = await uploadParts({ concurrency: this.#concurrency, ...given, pieces, send });
      return await this.#complete(put, { ...target, ...conditionOf(options), MultipartUpload: { Parts } }, size);
    } catch (error) {
      await this.#takeBack(key, target);
      throw error;
    }
  }

  async #sendPart(
    { key, signal }: { readonly key: string; readonly signal: AbortSignal },
    input: { Bucket: string; Key: string; UploadId: string; PartNumber: number; Body: Uint8Array },
  ): Promise<PartReceipt> {
    const isRetryable = (error: unknown): boolean => isAshlarError(error, "STORE_UNAVAILABLE");
    const request = { operation: "UploadPart", key, signal };
    const { ETag, ChecksumCRC32 } = await tried({ ...again, attempts: 3, signal, isRetryable }, () =>
      this.#session.send<Part>(request, (commands) => new commands.UploadPartCommand(input)),
    );
    if (ETag === undefined) throw this.#session.incomplete("UploadPart", key);
    return { ETag, PartNumber: input.PartNumber, ...(ChecksumCRC32 === undefined ? {} : { ChecksumCRC32 }) };
  }

  async #complete(put: Put, input: Completion, size: number): Promise<ObjectInfo> {
    const { key, options } = put;
    const request = { operation: "CompleteMultipartUpload", key, signal: options.signal };
    try {
      const { ETag } = await this.#session.send<Written>(
        request,
        (commands) => new commands.CompleteMultipartUploadCommand(input),
      );
      return this.#written(put, ETag, size);
    } catch (error) {
      return await this.#settled(put, { error, size, mayBeDone: true });
    }
  }

  /** What a failed put comes to: done after all, when the object has its mark; else an error of the port. */
  async #settled(
    put: Put,
    {
      error,
      size,
      mayBeDone = false,
    }: { readonly error: unknown; readonly size: number; readonly mayBeDone?: boolean },
  ): Promise<ObjectInfo> {
    const { key, options, metadata } = put;
    options.signal?.throwIfAborted();
    const isRefused = statusOf(error) === 412 || (options.ifMatch !== undefined && isNotFound(error));
    if (!isRefused && !mayBeDone) throw error;
    const found = await this.#found(put);
    if (found?.Metadata?.[mark] === metadata[mark]) return this.#written(put, found?.ETag, size);
    throw isRefused ? preconditionFailed(key, options, found?.ETag, error) : error;
  }

  async #found({ key, name, options: { signal } }: Put): Promise<Head | undefined> {
    try {
      const request = { operation: "HeadObject", key, signal };
      return await this.#session.send<Head>(request, (commands) => new commands.HeadObjectCommand(name));
    } catch {
      signal?.throwIfAborted();
      return undefined;
    }
  }

  /** Parts that stay cost storage: the bucket's lifecycle removes them when this does not come through. */
  async #takeBack(key: string, upload: { Bucket: string; Key: string; UploadId: string }): Promise<void> {
    const request = { operation: "AbortMultipartUpload", key };
    const isRetryable = (error: unknown): boolean => isAshlarError(error, "STORE_UNAVAILABLE");
    await tried({ ...again, attempts: 3, isRetryable }, () =>
      this.#session.send(request, (commands) => new commands.AbortMultipartUploadCommand(upload)),
    ).catch(() => {});
  }

  #written({ key }: Put, etag: string | undefined, size: number): ObjectInfo {
    if (etag === undefined) throw this.#session.incomplete("PutObject", key);
    return { key, size, etag, lastModified: Date.now() };
  }

  #tooLarge(key: string): Error {
    const limit = `${maxParts} parts of ${this.#partSize} bytes`;
    return storageError("OBJECT_TOO_LARGE", { key, store: `s3://${this.#session.bucket}`, limit });
  }
}

const isConditional = (options: PutOptions): boolean => options.ifAbsent === true || options.ifMatch !== undefined;

const conditionOf = ({ ifAbsent, ifMatch }: PutOptions): { IfNoneMatch?: string; IfMatch?: string } => ({
  ...(ifAbsent === true ? { IfNoneMatch: "*" } : {}),
  ...(ifMatch === undefined ? {} : { IfMatch: ifMatch }),
});
