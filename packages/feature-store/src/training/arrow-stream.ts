import { type RecordBatch, RecordBatchStreamWriter } from "apache-arrow";
import { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { TrainingSink } from "./sink.ts";

/** The bytes of an Arrow stream of batches, made no faster than they are read. */
export function encodeStream(batches: AsyncIterable<RecordBatch>): Readable {
  const encoded = RecordBatchStreamWriter.throughNode();
  // A failure destroys both ends, and the reader is told by the end it holds.
  pipeline(Readable.from(batches), encoded).catch(() => undefined);
  return encoded as Readable;
}

/**
 * An Arrow IPC stream: of a response, a file, an upload. It is written while rows are joined, no faster than it is taken; when
 * the join fails it is aborted before its end, and whoever reads it must take that for a failure.
 */
export function arrowStream(to: WritableStream<Uint8Array>): TrainingSink {
  return {
    append: async (batches, { signal }) =>
      pipeline(encodeStream(batches), Writable.fromWeb(to), ...(signal === undefined ? [] : [{ signal }])),
  };
}
