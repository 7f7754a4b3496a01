import { crc32 } from "node:zlib";
import { isAshlarError, type ObjectStore } from "@ashlar/core";
import { storageError } from "../errors.ts";
import { pathInStore } from "../parquet/source.ts";
import type { DeletionVectorDescriptor } from "./actions.ts";
import { BitmapError, readBitmapArray } from "./roaring-bitmap.ts";
import { decodeZ85 } from "./z85.ts";

/** Where a deletion vector belongs, for messages. */
export interface VectorOwner {
  readonly table: string;
  readonly version: number;
  /** The key of the data file. */
  readonly file: string;
}

/**
 * The deleted rows of a data file, ascending, counted from 0: "Deletion Vectors" of the Delta protocol.
 *
 * @throws DATA_FILE_CORRUPT, DATA_FILE_MISSING, FILE_OUTSIDE
 */
export async function readDeletionVector(
  objects: ObjectStore,
  owner: VectorOwner,
  vector: DeletionVectorDescriptor,
  signal?: AbortSignal,
): Promise<readonly number[]> {
  const file = vector.storageType === "i" ? owner.file : vectorKey(objects, owner, vector);
  const bytes = vector.storageType === "i" ? inline(owner, vector) : await stored(objects, owner, file, vector, signal);
  const rows = decode(file, bytes, vector.cardinality);
  if (rows.length === vector.cardinality) return rows;
  throw corrupt(file, `its deletion vector holds ${rows.length} rows, the log says ${vector.cardinality}`);
}

function decode(file: string, bytes: Uint8Array, limit: number): readonly number[] {
  try {
    return readBitmapArray(bytes, limit);
  } catch (cause) {
    if (!(cause instanceof BitmapError)) throw cause;
    throw corrupt(file, `its deletion vector cannot be read: ${cause.message}`, cause);
  }
}

function inline({ file }: VectorOwner, { pathOrInlineDv, sizeInBytes }: DeletionVectorDescriptor): Uint8Array {
  const bytes = decodeZ85(pathOrInlineDv);
  if (bytes === undefined || bytes.length < sizeInBytes) throw corrupt(file, "its inline deletion vector is not Z85");
  return bytes.subarray(0, sizeInBytes);
}

/** A stored vector: its size, its bytes, and their CRC-32, all big-endian. */
async function stored(
  objects: ObjectStore,
  owner: VectorOwner,
  key: string,
  { offset = 1, sizeInBytes }: DeletionVectorDescriptor,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const info = await objects.head(key);
  if (info === undefined) throw storageError("DATA_FILE_MISSING", { file: key, version: owner.version });
  const end = offset + 4 + sizeInBytes + 4;
  if (!(offset >= 0 && sizeInBytes >= 0 && end <= info.size)) {
    throw corrupt(key, `it has ${info.size} bytes, the log names a deletion vector up to byte ${end}`);
  }
  const framed = await bytesAt(objects, owner, key, offset, end, signal);
  const view = new DataView(framed.buffer, framed.byteOffset, framed.byteLength);
  const bytes = framed.subarray(4, 4 + sizeInBytes);
  if (view.getUint32(0) !== sizeInBytes) throw corrupt(key, `the deletion vector at byte ${offset} has another size`);
  if (view.getUint32(4 + sizeInBytes) !== crc32(bytes)) {
    throw corrupt(key, `the deletion vector at byte ${offset} does not have its checksum`);
  }
  return bytes;
}

async function bytesAt(
  objects: ObjectStore,
  owner: VectorOwner,
  key: string,
  start: number,
  end: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const ranged = objects.capabilities.rangeRead;
  try {
    const range = ranged ? { range: { start, end } } : {};
    const bytes = await (await objects.get(key, { ...range, ...(signal ? { signal } : {}) })).bytes();
    return ranged ? bytes : bytes.subarray(start, end);
  } catch (cause) {
    if (!isAshlarError(cause, "OBJECT_NOT_FOUND")) throw cause;
    throw storageError("DATA_FILE_MISSING", { file: key, version: owner.version }, { cause });
  }
}

/** "Deletion Vector Descriptor Schema", derived fields: a prefix, then a UUID in 20 digits of Z85. */
export function vectorKey(objects: ObjectStore, owner: VectorOwner, vector: DeletionVectorDescriptor): string {
  const { table, file } = owner;
  if (vector.storageType === "p") return keyWithin(objects, table, vector.pathOrInlineDv);
  const prefix = vector.pathOrInlineDv.slice(0, -20);
  const id = decodeZ85(vector.pathOrInlineDv.slice(-20));
  if (id?.length !== 16 || !/^[\w-]*$/.test(prefix)) throw corrupt(file, "its deletion vector has no valid name");
  const hex = Buffer.from(id).toString("hex");
  const uuid = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  return `${table}/${prefix === "" ? "" : `${prefix}/`}deletion_vector_${uuid}.bin`;
}

/** The key of an absolute path, when it is of a file of this table in this store. @throws FILE_OUTSIDE */
function keyWithin(objects: ObjectStore, table: string, path: string): string {
  const root = pathInStore(objects, table);
  const plain = path.replace(/^file:(\/\/)?(?=\/)/, "");
  const rest = root !== undefined && plain.startsWith(`${root}/`) ? plain.slice(root.length + 1) : undefined;
  if (rest === undefined || rest.split("/").includes("..")) throw storageError("FILE_OUTSIDE", { table, path });
  return `${table}/${rest}`;
}

function corrupt(file: string, reason: string, cause?: unknown): Error {
  return storageError("DATA_FILE_CORRUPT", { file, reason }, cause === undefined ? {} : { cause });
}

/** The rows of a stretch of a file that are not deleted, counted from its start; undefined when all are there. */
export function undeletedRows(deleted: readonly number[], place: number, rows: number): Int32Array | undefined {
  let next = firstFrom(deleted, place);
  if ((deleted[next] ?? Infinity) >= place + rows) return undefined;
  const kept = new Int32Array(rows);
  let count = 0;
  for (let row = 0; row < rows; row++) {
    if (deleted[next] === place + row) next += 1;
    else kept[count++] = row;
  }
  return kept.subarray(0, count);
}

/** Where the numbers from `value` on begin. */
export function firstFrom(ascending: readonly number[], value: number): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
