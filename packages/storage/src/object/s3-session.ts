import { assertObjectKey, coreError } from "@ashlar/core";
import { storePrefix } from "./prefix.ts";
import { loadS3Commands, type S3Commands } from "./s3-commands.ts";
import { s3Failure } from "./s3-errors.ts";

/** What is needed of an `S3Client` of `@aws-sdk/client-s3` 3. */
export interface S3Client {
  send(command: object, options?: { abortSignal?: AbortSignal }): Promise<unknown>;
}

export interface S3Request {
  readonly operation: string;
  readonly key: string;
  readonly signal?: AbortSignal | undefined;
}

/** One bucket, reached through one client. */
export class S3Session {
  readonly bucket: string;
  readonly prefix: string;
  readonly #client: S3Client;
  #commands: Promise<S3Commands> | undefined;

  constructor(options: {
    readonly client: S3Client;
    readonly bucket: string;
    readonly prefix: string;
    readonly commands: S3Commands | undefined;
  }) {
    this.bucket = options.bucket;
    this.prefix = storePrefix(options.prefix);
    this.#client = options.client;
    this.#commands = options.commands === undefined ? undefined : Promise.resolve(options.commands);
  }

  /** The place of a key. @throws INVALID_KEY, also when it is too long with the prefix of the store */
  nameOf(key: string): { readonly Bucket: string; readonly Key: string } {
    assertObjectKey(key);
    const name = this.prefix + key;
    if (this.prefix !== "") assertObjectKey(name);
    return { Bucket: this.bucket, Key: name };
  }

  /**
   * Sends a command. Fails with the signal's reason, or with STORE_REFUSED or STORE_UNAVAILABLE, whose cause is the
   * error of the SDK: see `s3-errors.ts`.
   */
  async send<Output>({ operation, key, signal }: S3Request, make: (commands: S3Commands) => object): Promise<Output> {
    const commands = await (this.#commands ??= loadS3Commands());
    signal?.throwIfAborted();
    try {
      return (await this.#client.send(make(commands), signal === undefined ? {} : { abortSignal: signal })) as Output;
    } catch (error) {
      signal?.throwIfAborted();
      throw this.failure(error, operation, key);
    }
  }

  failure(cause: unknown, operation: string, key: string): Error {
    return s3Failure(cause, { store: `s3://${this.bucket}`, operation, key });
  }

  incomplete(operation: string, key: string): Error {
    return this.failure(new Error("the answer is incomplete"), operation, key);
  }
}

export const objectMissing = (key: string, cause?: unknown): Error => coreError("OBJECT_NOT_FOUND", { key }, { cause });
