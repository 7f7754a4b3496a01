export interface NetworkBody {
  /** Bytes that must come: a connection that ends early is no end of the object. */
  readonly expected: number;
  readonly signal: AbortSignal | undefined;
  /** Names a failure of the connection. */
  readonly failed: (cause: unknown) => Error;
}

/** A body from the network, which ends whole, with the signal's reason, or with an error that tells to try again. */
export function networkBody(
  body: ReadableStream<Uint8Array>,
  { expected, signal, failed }: NetworkBody,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  const release = (reason: unknown): Promise<void> => reader.cancel(reason).catch(() => {});
  const onAbort = (): void => void release(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  const settle = (): void => signal?.removeEventListener("abort", onAbort);
  let given = 0;
  const next = async (): Promise<Uint8Array | undefined> => {
    signal?.throwIfAborted();
    const { value, done } = await reader.read().catch((cause: unknown) => {
      signal?.throwIfAborted();
      throw failed(cause);
    });
    signal?.throwIfAborted();
    given += value?.byteLength ?? 0;
    if (given > expected || (done && given < expected)) {
      throw failed(new Error(`the body ended after ${given} of ${expected} bytes`));
    }
    return value;
  };
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const chunk = await next();
          if (chunk !== undefined) return controller.enqueue(chunk);
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
