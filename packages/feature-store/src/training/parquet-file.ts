import type { ObjectStore } from "@ashlar/core";
import type { RecordBatch, Schema } from "apache-arrow";
import type { TrainingSink } from "./sink.ts";

/** What writes Parquet: a codec of `@ashlar/storage`, or anything like it. */
export interface ParquetEncoder {
  create(schema: Schema): Promise<ParquetEncoding>;
}

/** One file being written. */
export interface ParquetEncoding extends AsyncDisposable {
  write(batch: RecordBatch): Promise<void>;
  /** The file; its body is read once, before the encoding is disposed. */
  finish(): Promise<{ readonly body: Uint8Array | ReadableStream<Uint8Array> }>;
}

export interface ParquetFileOptions {
  readonly objects: Pick<ObjectStore, "put">;
  /** The key of the object, which is replaced where there is one. */
  readonly key: string;
  readonly codec: ParquetEncoder;
}

/**
 * One Parquet file in an object store. It is put when it is whole, in one piece: nobody sees a part of it. The codec holds what
 * it has encoded, in memory or on disk.
 */
export function parquetFile({ objects, key, codec }: ParquetFileOptions): TrainingSink {
  return {
    async append(batches, { signal }) {
      let encoding: ParquetEncoding | undefined;
      try {
        for await (const batch of batches) {
          encoding ??= await codec.create(batch.schema);
          await encoding.write(batch);
        }
        if (encoding === undefined) return;
        const { body } = await encoding.finish();
        await objects.put(key, body, signal === undefined ? {} : { signal });
      } finally {
        await encoding?.[Symbol.asyncDispose]();
      }
    },
  };
}
