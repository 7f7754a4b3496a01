import { isAshlarError, type ObjectStore, toBytes } from "@ashlar/core";
import { storageError } from "../errors.ts";
import type { Blobs } from "./blobs.ts";
import { assertDigest, type Digest, Digesting, digestOf, drain, isDigest, mismatch, verified } from "./digest.ts";
import { incomingAt } from "./incoming.ts";
import { streamFrom } from "./streams.ts";

export interface UploadOptions {
  /** What the whole must have. @default found out at the end, at the price of reading the parts twice */
  readonly digest?: string;
  /** Bytes that the whole must have. @default any */
  readonly size?: number;
}

export interface UploadPart {
  /** 1 to 10,000. */
  readonly number: number;
  /** Bytes. */
  readonly size: number;
  readonly digest: Digest;
}

/** A blob that arrives in parts, in any order, from any number of processes, across restarts. */
export interface Upload {
  /** Give it to `resumeUpload`, here or in another process. */
  readonly id: string;
  /**
   * Stores a part, durable when it resolves. The same part again changes nothing.
   * @throws UPLOAD_INVALID for another content under a number that was used, UPLOAD_NOT_FOUND
   */
  putPart(number: number, bytes: Uint8Array, options?: { readonly signal?: AbortSignal }): Promise<UploadPart>;
  /** What has arrived, by number. */
  parts(): Promise<readonly UploadPart[]>;
  /**
   * Publishes the parts as one blob; done again, it answers the same.
   * @throws UPLOAD_INVALID while a part is missing, DIGEST_MISMATCH, ARTIFACT_CORRUPT, UPLOAD_NOT_FOUND
   */
  complete(options?: { readonly signal?: AbortSignal }): Promise<{ readonly digest: Digest; readonly size: number }>;
  /** Forgets the upload and deletes its parts. */
  abort(): Promise<void>;
}

interface StoredPart extends UploadPart {
  readonly key: string;
}

/** What `upload.json` says of the whole, and `done.json`. */
interface UploadRecord {
  readonly digest?: Digest;
  readonly size?: number;
}

const maxParts = 10_000;
const utf8 = new TextEncoder();

/** @throws DIGEST_INVALID, UPLOAD_INVALID */
export async function beginUpload(
  objects: ObjectStore,
  blobs: Blobs,
  { digest, size }: UploadOptions,
): Promise<Upload> {
  const id = crypto.randomUUID();
  if (digest !== undefined) assertDigest(digest);
  if (size !== undefined && !(Number.isSafeInteger(size) && size >= 0)) {
    throw uploadInvalid(id, `its size is said to be ${size}`, "Give a whole number of bytes, or none.");
  }
  const text = JSON.stringify({ digest, size });
  await objects.put(incomingAt(id, "upload.json"), utf8.encode(text), { ifAbsent: true });
  return new ObjectUpload(objects, blobs, id);
}

/** @throws UPLOAD_NOT_FOUND */
export async function resumeUpload(objects: ObjectStore, blobs: Blobs, id: string): Promise<Upload> {
  if (!/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) throw storageError("UPLOAD_NOT_FOUND", { id });
  const upload = new ObjectUpload(objects, blobs, id);
  await upload.assertThere();
  return upload;
}

/**
 * `incoming/<id>/upload.json` says that there is an upload, `done.json` that it is complete. Each part is an object
 * whose name tells number, digest and size, so that what is read is checked against what was sent.
 */
class ObjectUpload implements Upload {
  readonly id: string;
  readonly #objects: ObjectStore;
  readonly #blobs: Blobs;

  constructor(objects: ObjectStore, blobs: Blobs, id: string) {
    this.id = id;
    this.#objects = objects;
    this.#blobs = blobs;
  }

  async putPart(
    number: number,
    bytes: Uint8Array,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<UploadPart> {
    if (!Number.isInteger(number) || number < 1 || number > maxParts) {
      throw this.#invalid(`there is no part number ${number}`, `Number the parts from 1 to ${maxParts}.`);
    }
    if (!(await this.assertThere()).open) throw this.#invalid("it is complete", "Begin another upload.");
    const part = { number, size: bytes.byteLength, digest: digestOf(bytes) };
    const other = (await this.#stored(partPrefix(number))).find(({ digest }) => digest !== part.digest);
    if (other !== undefined) {
      throw this.#invalid(`part ${number} has arrived as ${other.digest}`, "Abort it, and begin anew.");
    }
    try {
      await this.#objects.put(incomingAt(this.id, partName(part)), bytes, { ...options, ifAbsent: true });
    } catch (error) {
      if (!isAshlarError(error, "PRECONDITION_FAILED")) throw error;
    }
    return part;
  }

  async parts(): Promise<readonly UploadPart[]> {
    const parts = await this.#stored(partPrefix());
    return parts.map(({ number, size, digest }) => ({ number, size, digest }));
  }

  async #stored(prefix: string): Promise<StoredPart[]> {
    const parts: StoredPart[] = [];
    for await (const { key } of this.#objects.list(incomingAt(this.id, prefix))) {
      const [, number, hex, size] = /\/(\d{5})\.([0-9a-f]{64})\.(\d+)$/.exec(key) ?? [];
      if (hex !== undefined) parts.push({ key, number: Number(number), size: Number(size), digest: `sha256:${hex}` });
    }
    return parts;
  }

  async complete(
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<{ readonly digest: Digest; readonly size: number }> {
    const { result } = await this.assertThere();
    if (result !== undefined) {
      await this.#deleteParts();
      return result;
    }
    try {
      return await this.#publish((await this.#record("upload.json")) ?? {}, options);
    } catch (error) {
      // Somebody else who completes it may have deleted the parts under the hand of this one.
      const { result: theirs } = await this.assertThere();
      if (theirs === undefined) throw error;
      return theirs;
    }
  }

  async #publish(
    wanted: UploadRecord,
    options: { readonly signal?: AbortSignal },
  ): Promise<{ readonly digest: Digest; readonly size: number }> {
    const parts = await this.#stored(partPrefix());
    this.#assertWhole(parts, wanted.size);
    const size = parts.reduce((sum, part) => sum + part.size, 0);
    const digest = wanted.digest ?? (await this.#digestOf(parts, options));
    const body = (): ReadableStream<Uint8Array> =>
      verified(this.#read(parts, options), { digest, size, failure: mismatch });
    let written = false;
    await this.#blobs.publish(
      digest,
      () => {
        written = true;
        return body();
      },
      options,
    );
    // The blob was there: the parts must be what it is all the same.
    if (!written) await drain(body());
    const result = { digest, size };
    await this.#objects.put(incomingAt(this.id, "done.json"), utf8.encode(JSON.stringify(result)));
    await this.#deleteParts();
    return result;
  }

  #assertWhole(parts: readonly StoredPart[], size: number | undefined): void {
    for (const [index, { number }] of parts.entries()) {
      const missing = number > index + 1;
      if (missing) throw this.#invalid(`part ${index + 1} is missing`, "Put it, then complete.");
      if (number < index + 1) throw this.#invalid(`part ${number} has two contents`, "Abort it, and begin anew.");
    }
    const found = parts.reduce((sum, part) => sum + part.size, 0);
    if (size !== undefined && size !== found) {
      throw this.#invalid(`its parts have ${found} bytes, not ${size}`, "Put what is missing, then complete.");
    }
  }

  async #digestOf(parts: readonly StoredPart[], options: { readonly signal?: AbortSignal }): Promise<Digest> {
    const passing = new Digesting();
    await drain(passing.through(this.#read(parts, options)));
    return passing.digest();
  }

  #read(parts: readonly StoredPart[], options: { readonly signal?: AbortSignal }): ReadableStream<Uint8Array> {
    const objects = this.#objects;
    async function* chunks(): AsyncGenerator<Uint8Array> {
      for (const { key, digest, size } of parts) {
        yield* verified((await objects.get(key, options)).stream(), { digest, size });
      }
    }
    return streamFrom(chunks());
  }

  async abort(): Promise<void> {
    // First what says that there is an upload: killed after that, what is left is nobody's, and swept.
    await this.#objects.delete(incomingAt(this.id, "upload.json"));
    await this.#deleteParts();
    await this.#objects.delete(incomingAt(this.id, "done.json"));
  }

  async #deleteParts(): Promise<void> {
    for (const { key } of await this.#stored(partPrefix())) await this.#objects.delete(key);
    await this.#objects.delete(incomingAt(this.id, "upload.json"));
  }

  /** Whether parts are still taken, and the result when they are not. @throws UPLOAD_NOT_FOUND */
  async assertThere(): Promise<{
    readonly open: boolean;
    readonly result?: { readonly digest: Digest; readonly size: number };
  }> {
    const done = await this.#record("done.json");
    if (done !== undefined) {
      const { digest, size } = done;
      if (digest === undefined || size === undefined) throw this.#damaged("done.json");
      return { open: false, result: { digest, size } };
    }
    const open = (await this.#objects.head(incomingAt(this.id, "upload.json"))) !== undefined;
    if (!open) throw storageError("UPLOAD_NOT_FOUND", { id: this.id });
    return { open };
  }

  async #record(name: string): Promise<UploadRecord | undefined> {
    try {
      const bytes = await toBytes((await this.#objects.get(incomingAt(this.id, name))).stream());
      const record = parseRecord(new TextDecoder().decode(bytes));
      if (record === undefined) throw this.#damaged(name);
      return record;
    } catch (error) {
      if (isAshlarError(error, "OBJECT_NOT_FOUND")) return undefined;
      throw error;
    }
  }

  #damaged(name: string): Error {
    return this.#invalid(`its record ${name} is not what was written`, "Abort it, and begin anew.");
  }

  #invalid(problem: string, remedy: string): Error {
    return uploadInvalid(this.id, problem, remedy);
  }
}

/** Undefined when it is no record. */
function parseRecord(text: string): UploadRecord | undefined {
  try {
    const record: unknown = JSON.parse(text);
    if (typeof record !== "object" || record === null) return undefined;
    const { digest, size } = record as { readonly digest?: unknown; readonly size?: unknown };
    const isSize = size === undefined || (typeof size === "number" && Number.isSafeInteger(size) && size >= 0);
    if (!isSize || !(digest === undefined || isDigest(digest))) return undefined;
    return { ...(digest === undefined ? {} : { digest }), ...(size === undefined ? {} : { size }) };
  } catch {
    return undefined;
  }
}

function uploadInvalid(id: string, problem: string, remedy: string): Error {
  return storageError("UPLOAD_INVALID", { id, problem, remedy });
}

function partPrefix(number?: number): string {
  return number === undefined ? "parts/" : `parts/${String(number).padStart(5, "0")}.`;
}

function partName({ number, digest, size }: UploadPart): string {
  return `${partPrefix(number)}${digest.slice("sha256:".length)}.${size}`;
}
