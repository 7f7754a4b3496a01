export interface PartUpload<Part> {
  /** Parts on their way at a time: so many, and one more that is being filled, are held in memory. */
  readonly concurrency: number;
  /** Aborts when the caller or `stop` does. */
  readonly signal: AbortSignal;
  /** Aborted by the first failure. */
  readonly stop: AbortController;
  /** The body, cut; must end, and let go of it, when the signal aborts. */
  readonly pieces: AsyncIterable<Uint8Array>;
  /** Sends one part; `number` counts from 1. */
  readonly send: (piece: Uint8Array, number: number, signal: AbortSignal) => Promise<Part>;
}

/** Sends a body in parts, a few at a time, and gives their receipts in order. The first failure stops everything. */
export async function uploadParts<Part>(upload: PartUpload<Part>): Promise<Part[]> {
  const { signal, stop } = upload;
  const parts: Part[] = [];
  const sending = new Set<Promise<void>>();
  let number = 0;
  const send = async (piece: Uint8Array, at: number): Promise<void> => {
    try {
      parts[at - 1] = await upload.send(piece, at, signal);
    } catch (error) {
      stop.abort(error);
      throw error;
    }
  };
  try {
    for await (const piece of upload.pieces) {
      const sent = send(piece, ++number).finally(() => sending.delete(sent));
      // Met by the race or by the last wait below.
      sent.catch(() => {});
      sending.add(sent);
      if (sending.size >= upload.concurrency) await Promise.race(sending);
    }
    await Promise.all(sending);
    signal.throwIfAborted();
    return parts;
  } catch (error) {
    stop.abort(error);
    await Promise.allSettled(sending);
    throw error;
  }
}
