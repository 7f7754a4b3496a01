export interface PullStreamOptions {
  readonly signal: AbortSignal | undefined;
  /** Lets go of what the pieces are made from, when the stream is cancelled, aborted, or fails. */
  readonly release: (reason: unknown) => Promise<void>;
}

/** A stream of pieces that does nothing before it is read, and never runs ahead of its reader. */
export function pullStream(
  pieces: AsyncGenerator<Uint8Array>,
  { signal, release }: PullStreamOptions,
): ReadableStream<Uint8Array> {
  const onAbort = (): void => void release(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  const settle = (): void => signal?.removeEventListener("abort", onAbort);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          signal?.throwIfAborted();
          const { value, done } = await pieces.next();
          if (!done) return controller.enqueue(value);
          settle();
          controller.close();
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
    },
    { highWaterMark: 0 },
  );
}
