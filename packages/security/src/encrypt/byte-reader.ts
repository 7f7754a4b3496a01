import { byobReader, type Bytes } from "@ashlar/core";

/** Cuts a body into pieces of a wanted size, whatever chunks it comes in. */
export interface ByteReader {
  /** Exactly `size` bytes, or fewer at the end of the body. They are good until the read after the next one. */
  read(size: number): Promise<Uint8Array>;
  /** Bytes that the next read would give without waiting; there may be more. */
  readonly atHand: number;
  /** True when no byte is left. */
  atEnd(): Promise<boolean>;
  /** Lets go of the body; a pending read ends as if the body had. */
  cancel(reason?: unknown): Promise<void>;
}

const noBytes = new Uint8Array();

/**
 * From the second chunk on the next one is asked for before it is needed: it is read while this one is worked on. A byte stream
 * is read into memory that is used again and again: memory that is new costs more than the bytes do.
 */
export function byteReader(body: Bytes): ByteReader {
  const chunks = body instanceof Uint8Array ? undefined : chunksOf(body);
  let chunk: Uint8Array = body instanceof Uint8Array ? body : noBytes;
  let ended = chunks === undefined;
  let asked: Promise<Uint8Array | undefined> | undefined;

  const atEnd = async (): Promise<boolean> => {
    if (chunks === undefined) return chunk.byteLength === 0;
    while (chunk.byteLength === 0 && !ended) {
      const next = await (asked ?? chunks.next());
      asked = undefined;
      if (next === undefined) ended = true;
      else if (!ended) {
        chunk = next;
        asked = chunks.next();
        // Who waits for it hears of a failure; when nobody does, it was not needed.
        asked.catch(() => {});
      }
    }
    return chunk.byteLength === 0;
  };
  const take = (size: number): Uint8Array => {
    const taken = chunk.subarray(0, size);
    chunk = chunk.subarray(taken.byteLength);
    return taken;
  };

  return {
    atEnd,
    get atHand() {
      return chunk.byteLength;
    },
    async read(size) {
      if ((await atEnd()) || chunk.byteLength >= size) return take(size);
      // Copied piece by piece: the memory of a chunk is used again once the one after it is over.
      const whole = new Uint8Array(size);
      let filled = 0;
      while (filled < size && !(await atEnd())) {
        const part = take(size - filled);
        whole.set(part, filled);
        filled += part.byteLength;
      }
      return whole.subarray(0, filled);
    },
    async cancel(reason) {
      ended = true;
      chunk = noBytes;
      // A body that has already failed rejects its cancellation with the error the reader has seen.
      await chunks?.cancel(reason).catch(() => {});
    },
  };
}

interface Chunks {
  /** Undefined at the end. A chunk is good until the second call after the one that gave it. */
  next(): Promise<Uint8Array | undefined>;
  cancel(reason: unknown): Promise<void>;
}

const bufferBytes = 512 * 1024;
/** One that is worked on, one that is read into, and one of which a piece may still be held. */
const buffers = 3;

function chunksOf(stream: ReadableStream<Uint8Array>): Chunks {
  const own = byobReader(stream);
  if (own === undefined) {
    const reader = stream.getReader();
    return { next: async () => (await reader.read()).value, cancel: (reason) => reader.cancel(reason) };
  }
  const free: (ArrayBuffer | undefined)[] = Array.from({ length: buffers });
  let at = 0;
  return {
    async next() {
      const place = at++ % buffers;
      const { value, done } = await own.read(new Uint8Array(free[place] ?? new ArrayBuffer(bufferBytes)));
      // The memory comes back in another object.
      free[place] = value?.buffer;
      return done ? undefined : value;
    },
    cancel: (reason) => own.cancel(reason),
  };
}
