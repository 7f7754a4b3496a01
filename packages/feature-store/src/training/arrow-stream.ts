import { AsyncByteQueue, type RecordBatch, RecordBatchStreamWriter } from "apache-arrow";
import type { TrainingSink } from "./sink.ts";

/** An Arrow IPC stream of batches, which are asked for as it is read. */
export function encodeStream(batches: AsyncIterable<RecordBatch>): ReadableStream<Uint8Array> {
  const pieces = encode(batches);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await pieces.next();
        if (done === true) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await pieces.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
}

async function* encode(batches: AsyncIterable<RecordBatch>): AsyncGenerator<Uint8Array, undefined> {
  const pieces = new Pieces();
  const writer = new RecordBatchStreamWriter({ autoDestroy: false });
  writer.reset(pieces);
  for await (const batch of batches) {
    writer.write(batch);
    yield* pieces.taken();
  }
  writer.finish();
  yield* pieces.taken();
  return undefined;
}

/** What the writer has written so far. */
class Pieces extends AsyncByteQueue<Uint8Array> {
  #pieces: Uint8Array[] = [];

  override write(piece: Uint8Array): void {
    if (piece.byteLength > 0) this.#pieces.push(piece);
  }

  taken(): readonly Uint8Array[] {
    const taken = this.#pieces;
    this.#pieces = [];
    return taken;
  }
}

/**
 * An Arrow IPC stream: of a response, a file, an upload. It is written while rows are joined, no faster than it is taken; when
 * the join fails it is aborted before its end, and whoever reads it must take that for a failure.
 */
export function arrowStream(to: WritableStream<Uint8Array>): TrainingSink {
  return {
    async append(batches, { signal }) {
      await encodeStream(batches).pipeTo(to, signal === undefined ? {} : { signal });
    },
  };
}
