import {
  type ByteRange,
  type Bytes,
  type GetOptions,
  type ListOptions,
  type ObjectInfo,
  type ObjectStore,
  type PutOptions,
  type StoredObject,
  toBytes,
} from "@ashlar/core";
import { networkBody } from "./network-body.ts";
import { canBeginKey, isObjectKey } from "./prefix.ts";
import { rangedGet } from "./ranged-get.ts";
import type { S3Commands } from "./s3-commands.ts";
import { isNotFound, statusOf } from "./s3-errors.ts";
import { objectMissing, type S3Client, S3Session } from "./s3-session.ts";
import { S3Writer } from "./s3-write.ts";
import { assertTransferOptions } from "./transfer-options.ts";

export type { S3Commands } from "./s3-commands.ts";
export type { S3Client } from "./s3-session.ts";

export interface S3Options {
  /** Your client, with its region, endpoint, credentials and retries. */
  readonly client: S3Client;
  readonly bucket: string;
  /** Stands before every key, with a slash between. @default "" */
  readonly prefix?: string;
  /** Bytes of a part, 5 MiB to 5 GiB. An object has at most 10,000 parts. @default 16 MiB */
  readonly partSize?: number;
  /** Parts of one object on their way at a time; one more is held in memory. @default 4 */
  readonly concurrency?: number;
  /** Keys asked for at a time by `list`. @default 1_000 */
  readonly pageSize?: number;
  /** The SDK's command classes. @default imported from `@aws-sdk/client-s3` on first use */
  readonly commands?: S3Commands;
}

const mebibyte = 1024 * 1024;

/**
 * A bucket of Amazon S3, or of a store that speaks its API and decides `If-None-Match` and `If-Match` on PutObject and
 * CompleteMultipartUpload atomically, as general purpose buckets do. Objects above one part are uploaded in parts; an
 * upload that fails or is aborted is taken back (what a killed process leaves, a lifecycle rule of the bucket for
 * incomplete uploads removes).
 *
 * A conditional put carries its own mark in the object's metadata (`ashlar-write`), so that a put whose answer was lost
 * and that the SDK made again is told from one that lost. Names in the bucket that are no keys here, such as the folder
 * marks of consoles, are not listed.
 *
 * Its methods throw STORE_REFUSED (bucket, permissions), STORE_UNAVAILABLE (network, throttling; retryable),
 * OBJECT_TOO_LARGE and LIBRARY_MISSING.
 *
 * @throws OPTION_INVALID, INVALID_KEY for the prefix
 */
export function s3(options: S3Options): ObjectStore {
  return new S3Store(options);
}

interface Facts {
  readonly ContentLength?: number;
  readonly ContentRange?: string;
  readonly ETag?: string;
  readonly LastModified?: Date;
}

interface GetOutput extends Facts {
  readonly Body?: { transformToWebStream(): ReadableStream<Uint8Array> };
}

interface ListOutput {
  readonly Contents?: readonly (Facts & { readonly Key?: string; readonly Size?: number })[];
  readonly NextContinuationToken?: string;
}

class S3Store implements ObjectStore {
  readonly capabilities = { conditionalPut: true, rangeRead: true } as const;
  readonly #session: S3Session;
  readonly #writer: S3Writer;
  readonly #pageSize: number;

  constructor(options: S3Options) {
    const { client, bucket, prefix = "", partSize = 16 * mebibyte, concurrency = 4, pageSize = 1000 } = options;
    assertTransferOptions({ partSize, concurrency, pageSize }, { minPart: 5 * mebibyte, maxPart: 5120 * mebibyte });
    this.#session = new S3Session({ client, bucket, prefix, commands: options.commands });
    this.#writer = new S3Writer(this.#session, { partSize, concurrency });
    this.#pageSize = pageSize;
  }

  async get(key: string, options: GetOptions = {}): Promise<StoredObject> {
    this.#session.nameOf(key);
    const { signal } = options;
    return rangedGet(key, options, {
      read: (range) => this.#read(key, range, signal),
      head: () => this.head(key, signal === undefined ? {} : { signal }),
    });
  }

  put(key: string, body: Bytes, options: PutOptions = {}): Promise<ObjectInfo> {
    return this.#writer.put(key, body, options);
  }

  async head(key: string, { signal }: { readonly signal?: AbortSignal } = {}): Promise<ObjectInfo | undefined> {
    const name = this.#session.nameOf(key);
    try {
      const request = { operation: "HeadObject", key, signal };
      const output = await this.#session.send<Facts>(request, (commands) => new commands.HeadObjectCommand(name));
      return infoOf(key, output, output.ContentLength ?? 0);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async delete(key: string, { signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const name = this.#session.nameOf(key);
    try {
      const request = { operation: "DeleteObject", key, signal };
      await this.#session.send(request, (commands) => new commands.DeleteObjectCommand(name));
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async *list(prefix: string, { startAfter, signal }: ListOptions = {}): AsyncGenerator<ObjectInfo> {
    if (!canBeginKey(prefix)) return;
    const above = this.#session.prefix;
    const start = startAfter === undefined ? {} : { StartAfter: above + startAfter };
    for (let token: string | undefined, page = 0; page === 0 || token !== undefined; page++) {
      const output = await this.#page(
        above + prefix,
        token === undefined ? start : { ContinuationToken: token },
        signal,
      );
      for (const entry of output.Contents ?? []) {
        signal?.throwIfAborted();
        // Encoded as in a form, because XML has no form for every character of a key.
        const key = decodeURIComponent((entry.Key ?? "").replaceAll("+", " ")).slice(above.length);
        if (isObjectKey(key)) yield infoOf(key, entry, entry.Size ?? 0);
      }
      token = output.NextContinuationToken;
    }
  }

  async #page(
    prefix: string,
    from: { readonly StartAfter?: string; readonly ContinuationToken?: string },
    signal: AbortSignal | undefined,
  ): Promise<ListOutput> {
    const { bucket } = this.#session;
    const input = { Bucket: bucket, Prefix: prefix, EncodingType: "url", MaxKeys: this.#pageSize, ...from } as const;
    const request = { operation: "ListObjectsV2", key: prefix, signal };
    return this.#session.send<ListOutput>(request, (commands) => new commands.ListObjectsV2Command(input));
  }

  /** Undefined when the range lies past the end. */
  async #read(
    key: string,
    range: ByteRange | undefined,
    signal: AbortSignal | undefined,
  ): Promise<StoredObject | undefined> {
    const name = { ...this.#session.nameOf(key), ...(range === undefined ? {} : { Range: headerOf(range) }) };
    let output: GetOutput;
    try {
      const request = { operation: "GetObject", key, signal };
      output = await this.#session.send<GetOutput>(request, (commands) => new commands.GetObjectCommand(name));
    } catch (error) {
      if (isNotFound(error)) throw objectMissing(key, error);
      if (statusOf(error) === 416) return undefined;
      throw error;
    }
    const { Body: body, ContentLength: expected, ContentRange: contentRange } = output;
    if (body === undefined || expected === undefined || (range !== undefined && contentRange === undefined)) {
      throw this.#session.incomplete("GetObject", key);
    }
    const size = contentRange === undefined ? expected : Number(contentRange.split("/").at(-1));
    const failed = (cause: unknown): Error => this.#session.failure(cause, "GetObject", key);
    const stream = (): ReadableStream<Uint8Array> =>
      networkBody(body.transformToWebStream(), { expected, signal, failed });
    return { info: infoOf(key, output, size), stream, bytes: () => toBytes(stream()) };
  }
}

const infoOf = (key: string, { ETag, LastModified }: Facts, size: number): ObjectInfo => ({
  key,
  size,
  etag: ETag ?? "",
  lastModified: LastModified?.getTime() ?? 0,
});

const headerOf = ({ start, end }: ByteRange): string => `bytes=${start}-${end === undefined ? "" : end - 1}`;
