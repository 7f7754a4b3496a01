import { type Field, type RecordBatch, Schema } from "apache-arrow";
import { arrowField } from "../parquet/arrow-type.ts";
import { batchFrom } from "../parquet/batch-from.ts";
import { rowsOf } from "../parquet/rows-of.ts";
import { jsonField } from "../lake/json-column.ts";
import { parseJson } from "../parquet/json-text.ts";
import type { BlobInfo, BlobMetadata } from "./blob.ts";

/** The columns of a blob table, as any Delta engine sees them. */
export const blobSchema: Schema = new Schema([
  arrowField("path", "string", false),
  arrowField("digest", "string", false),
  arrowField("size", "long", false),
  arrowField("media_type", "string", false),
  arrowField("location", "string", false),
  arrowField("modified", "timestamp", false),
  jsonField("metadata", { nullable: false }) as Field,
]);

export const blobColumns: readonly string[] = blobSchema.fields.map(({ name }) => name);

export function batchOfBlobs(blobs: readonly BlobInfo[]): RecordBatch {
  return batchFrom({
    path: ["string", blobs.map(({ path }) => path)],
    digest: ["string", blobs.map(({ digest }) => digest)],
    size: ["long", blobs.map(({ size }) => BigInt(size))],
    media_type: ["string", blobs.map(({ mediaType }) => mediaType)],
    location: ["string", blobs.map(({ location }) => location)],
    modified: ["timestamp", blobs.map(({ modified }) => BigInt(modified) * 1000n)],
    metadata: ["string", blobs.map(({ metadata }) => JSON.stringify(metadata))],
  });
}

export function* blobsOf(batch: RecordBatch): Generator<BlobInfo> {
  for (const row of rowsOf(batch)) {
    yield {
      path: String(row["path"]),
      digest: row["digest"] as BlobInfo["digest"],
      size: Number(row["size"]),
      mediaType: String(row["media_type"]),
      location: String(row["location"]),
      modified: Number((row["modified"] as bigint) / 1000n),
      metadata: parseJson(String(row["metadata"])) as BlobMetadata,
    };
  }
}
