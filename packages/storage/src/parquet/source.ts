import { open } from "node:fs/promises";
import type { ObjectStore } from "@ashlar/core";

/** The bytes of one Parquet file, wherever they are. */
export interface ParquetSource {
  /** For messages. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** The absolute path, when the bytes are a local file. */
  readonly path?: string;
  /** The bytes from `start` up to, not including, `end`. */
  read(start: number, end: number): Promise<Uint8Array>;
}

export function sourceOfBytes(bytes: Uint8Array, name = "bytes"): ParquetSource {
  return { name, size: bytes.byteLength, read: async (start, end) => bytes.subarray(start, end) };
}

/** A local file. */
export async function sourceOfFile(path: string): Promise<ParquetSource> {
  const size = await withFile(path, async (file) => (await file.stat()).size);
  const read = (start: number, end: number): Promise<Uint8Array> =>
    withFile(path, async (file) => {
      const bytes = new Uint8Array(end - start);
      const { bytesRead } = await file.read(bytes, 0, bytes.byteLength, start);
      return bytes.subarray(0, bytesRead);
    });
  return { name: path, path, size, read };
}

async function withFile<Result>(
  path: string,
  work: (file: Awaited<ReturnType<typeof open>>) => Promise<Result>,
): Promise<Result> {
  const file = await open(path, "r");
  try {
    return await work(file);
  } finally {
    await file.close();
  }
}

/** A store whose objects are local files says where they are. */
export function pathInStore(objects: ObjectStore, key: string): string | undefined {
  const { pathOf } = objects as ObjectStore & { readonly pathOf?: unknown };
  return typeof pathOf === "function" ? String(pathOf.call(objects, key)) : undefined;
}

/** An object of a store: read by ranges, or fetched whole from a store that cannot (an encrypted one, say). */
export async function sourceOfObject(objects: ObjectStore, key: string): Promise<ParquetSource> {
  const object = await objects.get(key);
  if (!objects.capabilities.rangeRead) return sourceOfBytes(await object.bytes(), key);
  await object.stream().cancel();
  const path = pathInStore(objects, key);
  return {
    name: key,
    size: object.info.size,
    ...(path === undefined ? {} : { path }),
    async read(start, end) {
      return (await objects.get(key, { range: { start, end } })).bytes();
    },
  };
}
