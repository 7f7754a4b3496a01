import type { IncomingMessage } from "node:http";
import { networkingError } from "../errors.ts";

// Below this the copy into one piece costs less than a stream would.
const smallBody = 64 * 1024;

/**
 * The pieces of a body, counted.
 *
 * Ending the iteration early leaves the client's connection alone, so that it can still be answered.
 *
 * @throws BODY_TOO_LARGE while reading
 */
export async function* bodyPieces(request: IncomingMessage, limit: number): AsyncGenerator<Uint8Array, void, void> {
  let size = 0;
  for await (const piece of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>) {
    size += piece.byteLength;
    if (size > limit) throw networkingError("BODY_TOO_LARGE", { limit });
    yield piece;
  }
}

/** A body for a handler: bytes when it is small and its length is known, a stream otherwise. */
export async function handlerBody(
  request: IncomingMessage,
  contentLength: number | undefined,
  limit: number,
): Promise<Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>> {
  const pieces = bodyPieces(request, limit);
  return contentLength !== undefined && contentLength <= smallBody
    ? collect(pieces, contentLength)
    : toWebStream(pieces);
}

async function collect(pieces: AsyncIterable<Uint8Array>, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  let offset = 0;
  for await (const piece of pieces) {
    bytes.set(piece, offset);
    offset += piece.byteLength;
  }
  return bytes;
}

function toWebStream(pieces: AsyncGenerator<Uint8Array, void, void>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = await pieces.next();
        if (next.done) controller.close();
        else controller.enqueue(next.value);
      },
      async cancel() {
        await pieces.return();
      },
    },
    { highWaterMark: 0 },
  );
}
