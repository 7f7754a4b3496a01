import { createReadStream } from "node:fs";
import { type Digest, Digesting, drain } from "./digest.ts";
import { streamFrom } from "./streams.ts";

const chunkBytes = 1024 * 1024;

/** The bytes of a file, as they are when they are read. */
export function readLocal(path: string, signal?: AbortSignal): ReadableStream<Uint8Array> {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    const options = { highWaterMark: chunkBytes, ...(signal === undefined ? {} : { signal }) };
    for await (const chunk of createReadStream(path, options)) yield chunk as Uint8Array;
  }
  return streamFrom(chunks());
}

export async function digestLocal(
  path: string,
  signal?: AbortSignal,
): Promise<{ readonly digest: Digest; readonly size: number }> {
  const passing = new Digesting();
  await drain(passing.through(readLocal(path, signal)));
  return { digest: passing.digest(), size: passing.size };
}
