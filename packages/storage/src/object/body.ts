import { byobReader, type Bytes } from "@ashlar/core";

/**
 * The chunks of a body. Ends with the signal's reason when it aborts, even while the source is silent; the source is
 * cancelled whenever the reader stops before its end.
 */
export async function* chunksOf(body: Bytes, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  signal?.throwIfAborted();
  if (body instanceof Uint8Array) {
    if (body.byteLength > 0) yield body;
    return;
  }
  const reader = body.getReader();
  const onAbort = (): void => void reader.cancel(signal?.reason).catch(() => {});
  signal?.addEventListener("abort", onAbort, { once: true });
  let ended = false;
  try {
    for (;;) {
      const { value, done } = await reader.read();
      signal?.throwIfAborted();
      ended = done;
      if (done) return;
      if (value.byteLength > 0) yield value;
    }
  } finally {
    signal?.removeEventListener("abort", onAbort);
    // A body that has failed rejects its cancellation with the error that the reader has seen.
    if (!ended) await reader.cancel(signal?.reason).catch(() => {});
  }
}

/**
 * As {@link chunksOf}, for who is done with a chunk before he asks for the one after the next: a byte stream is read into the
 * same two pieces of memory time after time, and each is full but the last.
 */
export async function* passingChunksOf(body: Bytes, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  signal?.throwIfAborted();
  const reader = body instanceof Uint8Array ? undefined : byobReader(body);
  if (reader === undefined) return yield* chunksOf(body, signal);
  const onAbort = (): void => void reader.cancel(signal?.reason).catch(() => {});
  signal?.addEventListener("abort", onAbort, { once: true });
  const memory: ArrayBuffer[] = [];
  let ended = false;
  try {
    for (let turn = 0; !ended; turn ^= 1) {
      const view = new Uint8Array(memory[turn] ?? new ArrayBuffer(passingBytes));
      const { value, done } = await reader.read(view, { min: passingBytes });
      signal?.throwIfAborted();
      ended = done;
      if (value === undefined) return;
      // The end may come with the last bytes.
      if (value.byteLength > 0) yield value;
      // The memory comes back in another object.
      memory[turn] = value.buffer;
    }
  } finally {
    signal?.removeEventListener("abort", onAbort);
    if (!ended) await reader.cancel(signal?.reason).catch(() => {});
  }
}

const passingBytes = 1024 * 1024;

/** Pieces of exactly `size` bytes, the last one shorter; an empty body is one empty piece. Copies only what must be joined. */
export async function* piecesOf(body: Bytes, size: number, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  if (body instanceof Uint8Array) {
    let offset = 0;
    do {
      signal?.throwIfAborted();
      yield body.subarray(offset, offset + size);
      offset += size;
    } while (offset < body.byteLength);
    return;
  }
  let piece = new Uint8Array(size);
  let filled = 0;
  let given = false;
  for await (const chunk of chunksOf(body, signal)) {
    for (let offset = 0; offset < chunk.byteLength;) {
      if (filled === 0 && chunk.byteLength - offset >= size) {
        yield chunk.subarray(offset, (offset += size));
        given = true;
        continue;
      }
      const taken = chunk.subarray(offset, offset + size - filled);
      piece.set(taken, filled);
      offset += taken.byteLength;
      filled += taken.byteLength;
      if (filled < size) continue;
      yield piece;
      given = true;
      piece = new Uint8Array(size);
      filled = 0;
    }
  }
  if (filled > 0 || !given) yield piece.subarray(0, filled);
}

export async function* chained<Item>(first: readonly Item[], rest: AsyncIterable<Item>): AsyncGenerator<Item> {
  yield* first;
  yield* rest;
}
