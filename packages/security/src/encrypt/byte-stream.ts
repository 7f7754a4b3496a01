import type { PullStreamOptions } from "./pull-stream.ts";

/** Bytes that are made into the memory they are wanted in. */
export interface ByteSource {
  /** Waits until there are bytes to give, and tells how many there are now; 0 at the end. */
  ready(): Promise<number>;
  /** Gives of the bytes that are ready as many as there is room for, and tells how many. */
  readInto(into: Uint8Array): number;
}

/** New memory for a reader that brings none of its own has so many bytes at most. */
const ownBytes = 512 * 1024;

/** A stream of bytes, as `pullStream`, made straight into the memory of the reader where it brings some. */
export function byteStream(source: ByteSource, { signal, release }: PullStreamOptions): ReadableStream<Uint8Array> {
  const onAbort = (): void => void release(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  const settle = (): void => signal?.removeEventListener("abort", onAbort);
  return new ReadableStream({
    type: "bytes",
    async pull(controller) {
      try {
        signal?.throwIfAborted();
        const ready = await source.ready();
        const request = controller.byobRequest;
        if (ready === 0) {
          settle();
          controller.close();
          // A read that found nothing left is still waiting for its answer.
          request?.respond(0);
          return;
        }
        const view = request?.view;
        if (view != null) {
          request?.respond(source.readInto(new Uint8Array(view.buffer, view.byteOffset, view.byteLength)));
          return;
        }
        const bytes = new Uint8Array(Math.min(ready, ownBytes));
        controller.enqueue(bytes.subarray(0, source.readInto(bytes)));
      } catch (error) {
        settle();
        await release(error);
        throw error;
      }
    },
    async cancel(reason) {
      settle();
      await release(reason);
    },
  });
}
