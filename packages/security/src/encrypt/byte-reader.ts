import { type Bytes, concatBytes } from "@ashlar/core";

/** Cuts a body into pieces of a wanted size, whatever chunks it comes in. */
export interface ByteReader {
  /** Exactly `size` bytes, or fewer at the end of the body. */
  read(size: number): Promise<Uint8Array>;
  /** True when no byte is left. */
  atEnd(): Promise<boolean>;
  /** Lets go of the body; a pending read ends as if the body had. */
  cancel(reason?: unknown): Promise<void>;
}

export function byteReader(body: Bytes): ByteReader {
  const reader = body instanceof Uint8Array ? undefined : body.getReader();
  let chunk: Uint8Array = body instanceof Uint8Array ? body : new Uint8Array();
  let ended = reader === undefined;

  const atEnd = async (): Promise<boolean> => {
    while (chunk.byteLength === 0 && !ended) {
      const next = await reader?.read();
      if (next === undefined || next.done) ended = true;
      else chunk = next.value;
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
    async read(size) {
      const parts: Uint8Array[] = [];
      let missing = size;
      while (missing > 0 && !(await atEnd())) {
        const part = take(missing);
        missing -= part.byteLength;
        parts.push(part);
      }
      return parts.length === 1 && parts[0] !== undefined ? parts[0] : concatBytes(parts);
    },
    async cancel(reason) {
      ended = true;
      chunk = new Uint8Array();
      // A body that has already failed rejects its cancellation with the error the reader has seen.
      await reader?.cancel(reason).catch(() => {});
    },
  };
}
