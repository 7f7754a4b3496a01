import type { PullStreamOptions } from "./pull-stream.ts";

const noBytes = new Uint8Array();

/**
 * A stream of the bytes of pieces, as `pullStream`. A piece is copied before the next is asked for, into memory of the
 * reader where it brings some, so that the memory of pieces can be used again.
 */
export function byteStream(
  pieces: AsyncGenerator<Uint8Array>,
  { signal, release }: PullStreamOptions,
): ReadableStream<Uint8Array> {
  const onAbort = (): void => void release(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  const settle = (): void => signal?.removeEventListener("abort", onAbort);
  let held: Uint8Array = noBytes;
  const next = async (): Promise<boolean> => {
    while (held.byteLength === 0) {
      const { value, done } = await pieces.next();
      if (done === true) return false;
      held = value;
    }
    return true;
  };
  return new ReadableStream({
    type: "bytes",
    async pull(controller) {
      try {
        signal?.throwIfAborted();
        const isMore = await next();
        const request = controller.byobRequest;
        if (!isMore) {
          settle();
          controller.close();
          // A read that found nothing left is still waiting for its answer.
          request?.respond(0);
          return;
        }
        const view = request?.view;
        const bytes = held.subarray(0, view?.byteLength);
        held = held.subarray(bytes.byteLength);
        if (view == null) return controller.enqueue(new Uint8Array(bytes));
        new Uint8Array(view.buffer, view.byteOffset).set(bytes);
        request?.respond(bytes.byteLength);
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
