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
  return new ReadableStream(
    {
      type: "bytes",
      async pull(controller) {
        try {
          signal?.throwIfAborted();
          // Into the reader's own memory, where it brings some: new memory costs more than the bytes do.
          const view = controller.byobRequest?.view;
          if (position < end) {
            const wanted = Math.min(view?.byteLength ?? chunkBytes, end - position);
            const chunk = view == null ? new Uint8Array(wanted) : new Uint8Array(view.buffer, view.byteOffset, wanted);
            await fill(file, position, chunk);
            position += wanted;
            if (view == null) controller.enqueue(chunk);
            else controller.byobRequest?.respond(wanted);
          }
          if (position < end) return;
          await file.close();
          controller.close();
          // A read that found nothing left is still waiting for its answer.
          controller.byobRequest?.respond(0);
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
    return await fill(file, start, new Uint8Array(end - start));
  } finally {
    await file.close();
  }
}

async function fill(file: FileHandle, position: number, bytes: Uint8Array): Promise<Uint8Array> {
  for (let filled = 0; filled < bytes.byteLength;) {
    const { bytesRead } = await file.read(bytes, filled, bytes.byteLength - filled, position + filled);
    if (bytesRead === 0) throw new Error(`the file ended ${bytes.byteLength - filled} bytes early`);
    filled += bytesRead;
  }
  return bytes;
}
