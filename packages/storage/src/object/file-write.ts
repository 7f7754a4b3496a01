import type { FileHandle } from "node:fs/promises";
import type { Bytes } from "@ashlar/core";
import { passingChunksOf } from "./body.ts";

/** Bytes that may wait in memory for the disk, while none are on their way to it. */
const waitingBytes = 16 * 1024 * 1024;

/**
 * Writes a body to a file, from its position on. The next chunk is made while one is written, and bytes go to the disk while more
 * are written: a sync at the end finds little left to wait for. Only that sync makes them durable.
 */
export async function writeBody(file: FileHandle, body: Bytes, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  if (body instanceof Uint8Array) return file.writeFile(body);
  // A write that fails shall not wait for a body that is silent.
  const failure = new AbortController();
  const stop = signal === undefined ? failure.signal : AbortSignal.any([signal, failure.signal]);
  const begun = (work: Promise<void>): Promise<void> => {
    work.catch((error: unknown) => failure.abort(error));
    return work;
  };
  let written: Promise<void> | undefined;
  let flushed: Promise<void> | undefined;
  let waiting = 0;
  try {
    for await (const chunk of passingChunksOf(body, stop)) {
      await written;
      waiting += chunk.byteLength;
      if (waiting >= waitingBytes && flushed === undefined) {
        waiting = 0;
        flushed = begun(file.datasync().then(() => void (flushed = undefined)));
      }
      written = begun(writeChunk(file, chunk));
    }
  } finally {
    // Nobody closes the file under a call.
    await Promise.allSettled([written, flushed]);
  }
  failure.signal.throwIfAborted();
}

async function writeChunk(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.byteLength;) at += (await file.write(chunk, at)).bytesWritten;
}
