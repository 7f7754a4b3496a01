import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { tryLock } from "../durable/lock.ts";
import { replaceFile, syncFolder } from "../durable/write.ts";
import { securityError } from "../errors.ts";
import { decodeFrame, decodeFrames, frameLength, isCheckpointStart, logMagic, maxFrameLength } from "./frame.ts";
import { type BatchPlace, isCheckpoint, type Journal, type PlacedBatch, type Remains } from "./journal.ts";

/** A log in a folder: `log` with the batches, `checkpoint` beside it, `lock` for its one writer. */
export function fileJournal(directory: string): Journal {
  const path = join(directory, "log");
  const checkpointPath = join(directory, "checkpoint");
  let file: FileHandle | undefined;
  /** Where the next batch begins. */
  let end = logMagic.byteLength;

  const writable = (): FileHandle => file ?? fail(directory, "it is closed");

  return {
    name: directory,

    async open() {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const lock = tryLock(join(directory, "lock"));
      if (lock === undefined) throw securityError("AUDIT_LOG_IN_USE", { log: directory });
      try {
        file = await openLog(path);
        await syncFolder(directory);
        await syncFolder(dirname(directory));
      } catch (error) {
        await file?.close();
        lock[Symbol.dispose]();
        throw error;
      }
      return {
        async [Symbol.asyncDispose]() {
          await file?.close();
          file = undefined;
          lock[Symbol.dispose]();
        },
      };
    },

    async *scan(): AsyncGenerator<PlacedBatch, Remains> {
      let pending: Buffer = Buffer.alloc(0);
      let entries: Uint8Array[] = [];
      let position = 0;
      let start = 0;
      let broken = false;
      for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>) {
        pending = Buffer.concat([pending, chunk]);
        if (position === 0) {
          if (pending.byteLength < logMagic.byteLength) continue;
          if (!pending.subarray(0, logMagic.byteLength).equals(logMagic)) break;
          position = start = end = logMagic.byteLength;
          pending = pending.subarray(position);
        }
        const { frames } = decodeFrames(pending);
        for (const frame of frames) {
          const length = frameLength(frame);
          pending = pending.subarray(length);
          position += length;
          if (!isCheckpoint(frame)) {
            entries.push(frame.body);
            continue;
          }
          end = position;
          yield { entries, note: Buffer.from(frame.body).toString(), place: { at: start, length: position - start } };
          entries = [];
          start = position;
        }
        broken = pending.byteLength > maxFrameLength;
        if (broken) break;
      }
      return remains(path, { from: start });
    },

    async cutRemains() {
      await writable().truncate(end);
      await writable().sync();
    },

    async append(batch) {
      const place: BatchPlace = { at: end, length: batch.byteLength };
      for (let done = 0; done < batch.byteLength;) {
        done += (await writable().write(batch, done, batch.byteLength - done, end + done)).bytesWritten;
      }
      await writable().datasync();
      end += batch.byteLength;
      return place;
    },

    async read({ at, length }) {
      const reader = await open(path, "r");
      try {
        const bytes = Buffer.alloc(length);
        const { bytesRead } = await reader.read(bytes, 0, length, at);
        return bytes.subarray(0, bytesRead);
      } finally {
        await reader.close();
      }
    },

    readCheckpoint: () =>
      readFile(checkpointPath, "utf8").catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return undefined;
        throw error;
      }),

    publishCheckpoint: (note) => replaceFile(checkpointPath, note),
  };
}

/** Opens the log for writing; a new one, or one whose first write was torn, gets its first bytes. */
async function openLog(path: string): Promise<FileHandle> {
  const file = await open(path, "r+").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return open(path, "wx+", 0o600);
    throw error;
  });
  const beginning = Buffer.alloc(logMagic.byteLength);
  const { bytesRead } = await file.read(beginning, 0, beginning.byteLength, 0);
  const isTorn =
    bytesRead < logMagic.byteLength && beginning.subarray(0, bytesRead).equals(logMagic.subarray(0, bytesRead));
  if (!isTorn) return file;
  await file.write(logMagic, 0, logMagic.byteLength, 0);
  await file.sync();
  return file;
}

async function remains(path: string, { from }: { from: number }): Promise<Remains> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const bytes = Math.max(0, size - from);
    if (bytes > maxTornWrite) return { bytes, holdsCheckpoint: true };
    const rest = Buffer.alloc(bytes);
    await file.read(rest, 0, bytes, from);
    return { bytes, holdsCheckpoint: from === 0 ? bytes > 0 : holdsCheckpoint(rest) };
  } finally {
    await file.close();
  }
}

/** More than one write ever has. */
const maxTornWrite = 16 * 1024 * 1024;

function holdsCheckpoint(bytes: Uint8Array): boolean {
  for (let offset = 0; offset < bytes.byteLength; offset++) {
    if (isCheckpointStart(bytes, offset) && decodeFrame(bytes.subarray(offset)) !== undefined) return true;
  }
  return false;
}

function fail(log: string, reason: string): never {
  throw securityError("AUDIT_UNAVAILABLE", { reason: `${log}: ${reason}` });
}
