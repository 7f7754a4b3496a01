import { createHash, randomUUID } from "node:crypto";
import { compareObjectKeys } from "@ashlar/core";
import type { S3Client, S3Commands } from "../src/object/s3.ts";

interface Input {
  readonly Key?: string;
  readonly Body?: Uint8Array;
  readonly Metadata?: Record<string, string>;
  readonly IfNoneMatch?: string;
  readonly IfMatch?: string;
  readonly Range?: string;
  readonly UploadId?: string;
  readonly PartNumber?: number;
  readonly MultipartUpload?: { readonly Parts: readonly { readonly PartNumber: number }[] };
  readonly Prefix?: string;
  readonly StartAfter?: string;
  readonly ContinuationToken?: string;
  readonly MaxKeys?: number;
}

interface Stored {
  readonly body: Uint8Array;
  readonly etag: string;
  readonly metadata: Record<string, string>;
  readonly at: Date;
}

class Command {
  readonly input: Input;

  constructor(input: Input) {
    this.input = input;
  }
}

/** Command classes that need no SDK; their names are those of the operations. */
export const fakeCommands: S3Commands = {
  GetObjectCommand: class GetObject extends Command {},
  HeadObjectCommand: class HeadObject extends Command {},
  PutObjectCommand: class PutObject extends Command {},
  DeleteObjectCommand: class DeleteObject extends Command {},
  ListObjectsV2Command: class ListObjectsV2 extends Command {},
  CreateMultipartUploadCommand: class CreateMultipartUpload extends Command {},
  UploadPartCommand: class UploadPart extends Command {},
  CompleteMultipartUploadCommand: class CompleteMultipartUpload extends Command {},
  AbortMultipartUploadCommand: class AbortMultipartUpload extends Command {},
};

/** An error as the SDK gives it. */
export const sdkError = (name: string, status: number, headers: Record<string, string> = {}): Error =>
  Object.assign(new Error(`${name} of the fake`), {
    name,
    $fault: status >= 500 ? "server" : "client",
    $metadata: { httpStatusCode: status },
    $response: { headers },
  });

/** As much of S3 as `s3()` uses, in a map. `before` and `after` stand for a network that fails. */
export class FakeS3 implements S3Client {
  readonly objects: Map<string, Stored> = new Map();
  readonly uploads: Map<string, { readonly input: Input; readonly parts: Map<number, Uint8Array> }> = new Map();
  readonly calls: string[] = [];
  before: (operation: string, input: Input) => unknown = () => undefined;
  after: (operation: string, input: Input) => unknown = () => undefined;

  async send(command: object, options: { readonly abortSignal?: AbortSignal } = {}): Promise<unknown> {
    const operation = command.constructor.name;
    const { input } = command as Command;
    this.calls.push(operation);
    options.abortSignal?.throwIfAborted();
    await this.before(operation, input);
    const output = this.#act(operation, input);
    await this.after(operation, input);
    return output;
  }

  #act(operation: string, input: Input): unknown {
    const { Key = "", UploadId = "" } = input;
    const upload = this.uploads.get(UploadId);
    switch (operation) {
      case "PutObject":
        return this.#write(Key, input.Body ?? new Uint8Array(), input, input.Metadata ?? {});
      case "GetObject":
        return this.#read(this.#stored(Key, "NoSuchKey"), input.Range);
      case "HeadObject": {
        const { body, etag, at, metadata } = this.#stored(Key, "NotFound");
        return { ContentLength: body.byteLength, ETag: etag, LastModified: at, Metadata: metadata };
      }
      case "DeleteObject":
        return void this.objects.delete(Key);
      case "ListObjectsV2":
        return this.#list(input);
      case "CreateMultipartUpload": {
        const id = randomUUID();
        this.uploads.set(id, { input, parts: new Map() });
        return { UploadId: id };
      }
      case "UploadPart":
        if (upload === undefined) throw sdkError("NoSuchUpload", 404);
        upload.parts.set(input.PartNumber ?? 0, Uint8Array.from(input.Body ?? []));
        return { ETag: `"part"` };
      case "CompleteMultipartUpload": {
        if (upload === undefined) throw sdkError("NoSuchUpload", 404);
        const parts = (input.MultipartUpload?.Parts ?? []).map(({ PartNumber }) => upload.parts.get(PartNumber));
        const written = this.#write(Key, Buffer.concat(parts as Uint8Array[]), input, upload.input.Metadata ?? {});
        this.uploads.delete(UploadId);
        return written;
      }
      default:
        return void this.uploads.delete(UploadId);
    }
  }

  #stored(key: string, missing: string): Stored {
    const stored = this.objects.get(key);
    if (stored === undefined) throw sdkError(missing, 404);
    return stored;
  }

  #write(key: string, body: Uint8Array, condition: Input, metadata: Record<string, string>): { ETag: string } {
    const stored = this.objects.get(key);
    if (condition.IfNoneMatch === "*" && stored !== undefined) throw sdkError("PreconditionFailed", 412);
    if (condition.IfMatch !== undefined && stored === undefined) throw sdkError("NoSuchKey", 404);
    if (condition.IfMatch !== undefined && stored?.etag !== condition.IfMatch)
      throw sdkError("PreconditionFailed", 412);
    const etag = `"${createHash("md5").update(body).digest("hex")}"`;
    this.objects.set(key, { body: Uint8Array.from(body), etag, metadata, at: new Date() });
    return { ETag: etag };
  }

  #read({ body, etag, at }: Stored, range: string | undefined): unknown {
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(range ?? "") ?? [];
    const start = Number(from ?? 0);
    const end = to === undefined || to === "" ? body.byteLength : Math.min(Number(to) + 1, body.byteLength);
    if (range !== undefined && start >= body.byteLength) throw sdkError("InvalidRange", 416);
    const part = body.slice(start, end);
    return {
      ETag: etag,
      LastModified: at,
      ContentLength: part.byteLength,
      ...(range === undefined ? {} : { ContentRange: `bytes ${start}-${end - 1}/${body.byteLength}` }),
      Body: { transformToWebStream: () => new Blob([part]).stream() },
    };
  }

  #list({ Prefix = "", StartAfter = "", ContinuationToken, MaxKeys = 1000 }: Input): unknown {
    const after = ContinuationToken ?? StartAfter;
    const keys = [...this.objects.keys()]
      .filter((key) => key.startsWith(Prefix) && (after === "" || compareObjectKeys(key, after) > 0))
      .sort(compareObjectKeys);
    const page = keys.slice(0, MaxKeys);
    const last = page.at(-1);
    return {
      Contents: page.map((key) => {
        const { body, etag, at } = this.#stored(key, "NoSuchKey");
        const encoded = encodeURIComponent(key).replaceAll("%20", "+");
        return { Key: encoded, Size: body.byteLength, ETag: etag, LastModified: at };
      }),
      ...(keys.length > page.length && last !== undefined ? { NextContinuationToken: last } : {}),
    };
  }
}
