import { type Clock, isAshlarError, systemClock } from "@ashlar/core";
import { concurrently } from "../artifact/concurrently.ts";
import type { ArtifactStore } from "../artifact/index.ts";
import { storageError } from "../errors.ts";
import type { Lake, LakeTable } from "../lake/index.ts";
import { batchFrom } from "../parquet/batch-from.ts";
import type { Predicate } from "../parquet/predicate.ts";
import { type BlobInfo, type BlobInput, type CheckedBlob, checkedBlob, invalid } from "./blob.ts";
import { batchOfBlobs, blobColumns, blobSchema, blobsOf } from "./columns.ts";
import { digestsSince } from "./digests.ts";
import { afterPrefix } from "./prefix.ts";

export interface BlobTableOptions {
  readonly lake: Lake;
  /** Of the table in the lake. */
  readonly name: string;
  /** Keeps the bytes: equal ones once, whatever their paths. */
  readonly artifacts: ArtifactStore;
  readonly clock?: Clock;
}

interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface ListOptions extends CallOptions {
  /** Paths that begin with it. @default all */
  readonly prefix?: string;
  /** Conditions on the columns: `size`, `media_type`, `modified`, `metadata` (by `at`), ... @default none */
  readonly where?: Predicate;
  /** As of a version. @default the latest */
  readonly version?: number;
}

/** One blob: what is known of it, and its bytes. */
export interface StoredBlobBody extends BlobInfo {
  /** Verified against the digest as they stream: a stream with a wrong byte fails before its end. */
  stream(): Promise<ReadableStream<Uint8Array>>;
}

/**
 * Unstructured objects as a table: a row per path with digest, size, media type, location, time and metadata in a Delta table
 * that any engine queries, and the bytes in an artifact store. The bytes are durable before the row is committed: after a
 * crash a blob is there whole, or not at all.
 */
export interface BlobTable {
  /** The rows, for queries, time travel, `optimize({ sort: ["path"] })` and `vacuum`. */
  readonly table: LakeTable;
  /**
   * Puts blobs as one version, all or none, over those of the same paths. A row per blob is held in memory, bodies are not;
   * `concurrency` (8) of them are stored at a time.
   *
   * @throws BLOB_INVALID, COMMIT_CONFLICT, and what the artifact store throws
   */
  put(
    blobs: BlobInput | Iterable<BlobInput> | AsyncIterable<BlobInput>,
    options?: CallOptions & { readonly concurrency?: number },
  ): Promise<{ readonly version: number; readonly blobs: readonly BlobInfo[] }>;
  /** @throws BLOB_NOT_FOUND, VERSION_NOT_FOUND; from the stream ARTIFACT_NOT_FOUND, ARTIFACT_CORRUPT */
  get(path: string, options?: CallOptions & { readonly version?: number }): Promise<StoredBlobBody>;
  /** Undefined where there is none. @throws VERSION_NOT_FOUND */
  stat(path: string, options?: CallOptions & { readonly version?: number }): Promise<BlobInfo | undefined>;
  /** In no order but that of the table's files. @throws COLUMN_UNKNOWN, PREDICATE_INVALID, VERSION_NOT_FOUND */
  list(options?: ListOptions): AsyncIterable<BlobInfo>;
  /** Deletes rows; the bytes stay for older versions until they are collected. */
  delete(
    what: string | readonly string[] | { readonly where: Predicate },
    options?: CallOptions,
  ): Promise<{ readonly deleted: number }>;
  /**
   * The digests that the versions of the last `keep` name, to collect what nobody needs:
   * `artifacts.collect({ roots: () => blobs.digests() })`. Keep no less than `vacuum` does. A digest may come more than once.
   *
   * @param options `keep` in milliseconds, default 7 days
   */
  digests(options?: CallOptions & { readonly keep?: number }): AsyncIterable<string>;
}

const defaultConcurrency = 8;
const week = 7 * 86_400_000;

/** Opens a blob table, and makes it where there is none. @throws SCHEMA_MISMATCH for a table of other columns */
export async function openBlobTable(options: BlobTableOptions): Promise<BlobTable> {
  const { lake, name, artifacts, clock = systemClock } = options;
  const table = await lake.table(name, { schema: blobSchema });
  await makeWhereThereIsNone(table);
  return new DeltaBlobTable(table, artifacts, clock);
}

/** Two who make it at once both may: rows of none are no rows. */
async function makeWhereThereIsNone(table: LakeTable): Promise<void> {
  try {
    await table.fingerprint();
  } catch (error) {
    if (!isAshlarError(error, "TABLE_NOT_FOUND")) throw error;
    await table.append(batchOfBlobs([]));
  }
}

class DeltaBlobTable implements BlobTable {
  readonly table: LakeTable;
  readonly #artifacts: ArtifactStore;
  readonly #clock: Clock;

  constructor(table: LakeTable, artifacts: ArtifactStore, clock: Clock) {
    this.table = table;
    this.#artifacts = artifacts;
    this.#clock = clock;
  }

  async put(
    given: BlobInput | Iterable<BlobInput> | AsyncIterable<BlobInput>,
    { concurrency = defaultConcurrency, signal }: CallOptions & { readonly concurrency?: number } = {},
  ): Promise<{ readonly version: number; readonly blobs: readonly BlobInfo[] }> {
    const call = signal === undefined ? {} : { signal };
    const inputs = "path" in given ? [given] : given;
    const blobs = await concurrently(distinct(inputs), Math.max(1, concurrency), (blob) => this.#store(blob, call));
    const { version } = await this.table.merge(batchOfBlobs(blobs), { on: ["path"], ...call });
    return { version, blobs };
  }

  async #store({ body, ...rest }: CheckedBlob, call: CallOptions): Promise<BlobInfo> {
    const { digest, size } = await this.#artifacts.putBlob(body, call);
    const location = await this.#artifacts.locate(digest, call);
    return { ...rest, digest, size, location, modified: this.#clock.now() };
  }

  async get(path: string, options: CallOptions & { readonly version?: number } = {}): Promise<StoredBlobBody> {
    const info = await this.stat(path, options);
    if (info === undefined) throw storageError("BLOB_NOT_FOUND", { path, table: this.table.name });
    return { ...info, stream: () => this.#artifacts.getBlob(info.digest, options) };
  }

  async stat(path: string, options: CallOptions & { readonly version?: number } = {}): Promise<BlobInfo | undefined> {
    for await (const info of this.list({ ...options, where: { path } })) return info;
    return undefined;
  }

  async *list({ prefix = "", where = {}, version, signal }: ListOptions = {}): AsyncGenerator<BlobInfo> {
    const from = prefix === "" || "path" in where ? {} : { path: { gte: prefix, ...afterPrefix(prefix) } };
    const scan = {
      columns: blobColumns,
      where: { ...where, ...from },
      ...(version === undefined ? {} : { version }),
      ...(signal === undefined ? {} : { signal }),
    };
    for await (const batch of this.table.scan(scan)) {
      for (const info of blobsOf(batch)) if (info.path.startsWith(prefix)) yield info;
    }
  }

  async delete(
    what: string | readonly string[] | { readonly where: Predicate },
    options: CallOptions = {},
  ): Promise<{ readonly deleted: number }> {
    if (typeof what !== "string" && "where" in what) return this.table.delete({ where: what.where, ...options });
    const paths = typeof what === "string" ? [what] : what;
    const rows = batchFrom({ path: ["string", [...new Set(paths)]] });
    return this.table.merge(rows, { on: ["path"], whenMatched: "delete", whenNotMatched: "ignore", ...options });
  }

  digests({ keep = week, signal }: CallOptions & { readonly keep?: number } = {}): AsyncIterable<string> {
    return digestsSince(this.table, this.#clock.now() - keep, signal);
  }
}

/** Checks each blob as its turn comes. @throws BLOB_INVALID, also for a path that comes twice */
async function* distinct(blobs: Iterable<BlobInput> | AsyncIterable<BlobInput>): AsyncGenerator<CheckedBlob> {
  const seen = new Set<string>();
  for await (const blob of blobs) {
    const checked = checkedBlob(blob);
    if (seen.has(blob.path)) throw invalid(blob.path, "path", blob.path, "it comes twice in one put");
    seen.add(blob.path);
    yield checked;
  }
}
