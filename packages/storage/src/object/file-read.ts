import { type FileHandle, open } from "node:fs/promises";
import { coreError, type GetOptions, resolveRange, type StoredObject } from "@ashlar/core";
import { hasCode, isMissing } from "./file-errors.ts";
import { infoOf } from "./file-info.ts";

const chunkBytes = 256 * 1024;

/** Opens the file of a key. The handle keeps the version that was there, whatever is put over it meanwhile. */
export async function openObject(key: string, path: string, options: GetOptions): Promise<StoredObject> {
  const file = await openFile(key, path);
  try {
    const stats = await file.stat({ bigint: true });
    if (!stats.isFile()) throw coreError("OBJECT_NOT_FOUND", { key });
    const info = infoOf(key, stats);
    const { start, end } = resolveRange(key, info.size, options.range);
    return {
      info,
      stream: () => streamOf(file, start, end, options.signal),
      bytes: () => bytesOf(file, start, end, options.signal),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function openFile(key: string, path: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (error) {
    if (isMissing(error) || hasCode(error, "EISDIR")) throw coreError("OBJECT_NOT_FOUND", { key }, { cause: error });
    throw error;
  }
}

function streamOf(file: FileHandle, start: number, end: number, signal?: AbortSignal): ReadableStream<Uint8Array> {
  let position = start;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          signal?.throwIfAborted();
          if (position < end) {
            const chunk = await readAt(file, position, Math.min(chunkBytes, end - position));
            position += chunk.byteLength;
            controller.enqueue(chunk);
          }
          if (position < end) return;
          await file.close();
          controller.close();
        } catch (error) {
          await file.close();
          throw error;
        }
      },
      cancel: () => file.close(),
    },
    { highWaterMark: 0 },
  );
}

async function bytesOf(file: FileHandle, start: number, end: number, signal?: AbortSignal): Promise<Uint8Array> {
  try {
    signal?.throwIfAborted();
    return await readAt(file, start, end - start);
  } finally {
    await file.close();
  }
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let filled = 0; filled < length;) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, position + filled);
    if (bytesRead === 0) throw new Error(`the file ended ${length - filled} bytes early`);
    filled += bytesRead;
  }
  return bytes;
}
