import {
  type ByteRange,
  coreError,
  type GetOptions,
  type ObjectInfo,
  resolveRange,
  type StoredObject,
} from "@ashlar/core";
import { storageError } from "../errors.ts";

const maxReads = 5;

export interface RangedRead {
  /** Undefined when the range lies past the end. @throws OBJECT_NOT_FOUND */
  readonly read: (range: ByteRange | undefined) => Promise<StoredObject | undefined>;
  readonly head: () => Promise<ObjectInfo | undefined>;
}

/**
 * A get from a server that answers ranges as HTTP does, and so has no answer for a range without bytes: there, what is
 * known of the object decides.
 */
export async function rangedGet(
  key: string,
  { range, signal }: GetOptions,
  { read, head }: RangedRead,
): Promise<StoredObject> {
  signal?.throwIfAborted();
  for (let reads = 1; ; reads++) {
    const object = asksForBytes(range) ? await read(range) : undefined;
    if (object !== undefined) return object;
    const info = await head();
    if (info === undefined) throw coreError("OBJECT_NOT_FOUND", { key });
    const { start, end } = resolveRange(key, info.size, range);
    if (start === end) return { info, stream: () => new Blob([]).stream(), bytes: async () => new Uint8Array() };
    if (reads >= maxReads) throw storageError("OBJECT_REPLACED", { key, etag: info.etag });
  }
}

function asksForBytes(range: ByteRange | undefined): boolean {
  if (range === undefined) return true;
  return Number.isSafeInteger(range.start) && range.start >= 0 && (range.end === undefined || range.end > range.start);
}
