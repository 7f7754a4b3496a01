import { coreError } from "./errors.ts";

/** Bytes in one piece, or as a stream when they may not fit in memory. */
export type Bytes = Uint8Array | ReadableStream<Uint8Array>;

/** What a store knows of an object without reading it. */
export interface ObjectInfo {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** Changes whenever the content changes; opaque. */
  readonly etag: string;
  /** Epoch milliseconds, by the store's clock; in the answer of a `put` it may be the writer's. */
  readonly lastModified: number;
}

/** An object that is being read. Use `stream` or `bytes`, once, or `cancel` the stream: either lets go of the handle. */
export interface StoredObject {
  readonly info: ObjectInfo;
  stream(): ReadableStream<Uint8Array>;
  bytes(): Promise<Uint8Array>;
}

/** What a store does natively. A caller that needs more than it offers must say so, not emulate it in silence. */
export interface ObjectStoreCapabilities {
  /** `ifAbsent` and `ifMatch` are decided atomically: of 50 racing writers one wins. @default true */
  readonly conditionalPut: boolean;
  /** `range` reads only the bytes asked for. @default true */
  readonly rangeRead: boolean;
}

/** Bytes from `start`, counted from 0, up to but not including `end`. */
export interface ByteRange {
  readonly start: number;
  /** Clipped to the size; at or before `start` it asks for nothing. @default the size */
  readonly end?: number;
}

export interface GetOptions {
  readonly range?: ByteRange;
  readonly signal?: AbortSignal;
}

export interface PutOptions {
  /** Write only if no object has this key. @default false */
  readonly ifAbsent?: boolean;
  /** Write only if the object has this etag. */
  readonly ifMatch?: string;
  readonly signal?: AbortSignal;
}

export interface ListOptions {
  /** Only keys that sort after this one. */
  readonly startAfter?: string;
  readonly signal?: AbortSignal;
}

/**
 * Named, immutable-at-a-time byte sequences: a bucket, a folder, a map.
 *
 * Keys are relative and slash-separated, at most 1,024 bytes of UTF-8, with no empty, `.` or `..` segment and no NUL;
 * anything else is `INVALID_KEY`. Two keys that differ in any byte are two objects; a store that cannot keep them apart
 * refuses the second with `OBJECT_KEY_CONFLICT`. A `put` is atomic and durable when it resolves: a reader sees the old
 * object, the new object, or none, and never a part or a mix; a store that cannot go on reading a version that was
 * replaced says OBJECT_REPLACED. A body that fails, and a signal that aborts, leave what was there.
 *
 * Streams may be larger than memory: a store takes a body no faster than it can pass it on, and gives one no faster
 * than it is read.
 */
export interface ObjectStore {
  readonly capabilities: ObjectStoreCapabilities;
  /** @throws OBJECT_NOT_FOUND, RANGE_NOT_SATISFIABLE, INVALID_KEY */
  get(key: string, options?: GetOptions): Promise<StoredObject>;
  /** @throws PRECONDITION_FAILED, INVALID_KEY */
  put(key: string, body: Bytes, options?: PutOptions): Promise<ObjectInfo>;
  /** Undefined when there is no such object. @throws INVALID_KEY */
  head(key: string, options?: { readonly signal?: AbortSignal }): Promise<ObjectInfo | undefined>;
  /** Does nothing when there is no such object. @throws INVALID_KEY */
  delete(key: string, options?: { readonly signal?: AbortSignal }): Promise<void>;
  /** Keys that start with `prefix`, in ascending order of their UTF-8 bytes. */
  list(prefix: string, options?: ListOptions): AsyncIterable<ObjectInfo>;
}

/**
 * The bytes a range stands for in an object of a size, with `start <= end <= size`.
 *
 * @throws RANGE_NOT_SATISFIABLE for a start that is no whole number from 0, or lies at or past the end of an object
 * (an empty object has a readable byte range from 0)
 */
export function resolveRange(
  key: string,
  size: number,
  range: ByteRange = { start: 0 },
): { readonly start: number; readonly end: number } {
  const { start } = range;
  if (!Number.isSafeInteger(start) || start < 0 || (start > 0 && start >= size)) {
    throw coreError("RANGE_NOT_SATISFIABLE", { key, start, size });
  }
  return { start, end: Math.max(start, Math.min(range.end ?? size, size)) };
}
