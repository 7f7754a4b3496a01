import type { ObjectInfo, ObjectStore } from "../object-store.ts";

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (content: Uint8Array): string => new TextDecoder("utf-8", { ignoreBOM: true }).decode(content);

const chunkBytes = 64 * 1024;

/** What stands at a position of the generated body: no two chunks are alike. */
const byteAt = (position: number): number => {
  const chunk = Math.floor(position / chunkBytes);
  return (position % chunkBytes === 0 ? chunk >> 8 : chunk) & 0xff;
};

/** A body that is made while it is read, and never held. */
export function generated(size: number): ReadableStream<Uint8Array> {
  let position = 0;
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const chunk = new Uint8Array(Math.min(chunkBytes, size - position)).fill(byteAt(position + 1));
        if (chunk.byteLength > 0) {
          chunk[0] = byteAt(position);
          position += chunk.byteLength;
          controller.enqueue(chunk);
        }
        if (position >= size) controller.close();
      },
    },
    { highWaterMark: 0 },
  );
}

/** How many bytes a stream gives that are those of `generated`, from the first on. */
export async function countGenerated(stream: ReadableStream<Uint8Array>): Promise<number> {
  let position = 0;
  for await (const chunk of stream) {
    for (const byte of chunk) {
      if (byte !== byteAt(position)) return position;
      position += 1;
    }
  }
  return position;
}

/** A body that gives some bytes, and then nothing any more. Tells when it is silent, and whether it was cancelled. */
export function stalling(size: number): {
  readonly body: ReadableStream<Uint8Array>;
  readonly silent: Promise<void>;
  readonly cancelled: Promise<void>;
} {
  const silent = Promise.withResolvers<void>();
  const cancelled = Promise.withResolvers<void>();
  let left = size;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (left <= 0) {
          silent.resolve();
          return cancelled.promise;
        }
        controller.enqueue(new Uint8Array(Math.min(chunkBytes, left)).fill(9));
        left -= chunkBytes;
        return undefined;
      },
      cancel: () => cancelled.resolve(),
    },
    { highWaterMark: 0 },
  );
  return { body, silent: silent.promise, cancelled: cancelled.promise };
}

/** A body that gives some bytes and then fails. */
export function failing(size: number, reason: string): ReadableStream<Uint8Array> {
  let left = size;
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (left <= 0) return controller.error(new Error(reason));
        controller.enqueue(new Uint8Array(Math.min(chunkBytes, left)).fill(8));
        left -= chunkBytes;
      },
    },
    { highWaterMark: 0 },
  );
}

export async function gather(store: ObjectStore, prefix: string, startAfter?: string): Promise<string[]> {
  const found: string[] = [];
  for await (const info of store.list(prefix, startAfter === undefined ? {} : { startAfter })) found.push(info.key);
  return found;
}

/** What must agree wherever the store speaks of one object. `lastModified` may come from two clocks. */
export const facts = ({ key, size, etag }: ObjectInfo): ObjectInfo => ({ key, size, etag, lastModified: 0 });
