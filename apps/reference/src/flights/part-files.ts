import type { RecordBatch } from "apache-arrow";
import type { ArtifactStore } from "@ashlar/storage/artifact";
import type { ParquetCodec, ParquetWriter } from "@ashlar/storage";
import { densify } from "./batches.ts";
import { type Part, parts, splitByPart } from "./parts.ts";

/** One part of a training set as a Parquet file in the artifact store. */
export interface PartFile {
  readonly digest: string;
  readonly rows: number;
}

export type PartFiles = Readonly<Record<Part, PartFile>>;

/** The label, and what an evaluation needs to know of a row beside its features. */
export const labelColumns = ["date", "origin", "destination", "late"] as const;

/** Writes a training set as one Parquet file for each part, in the order of its rows. Missing values are NaN. */
export async function writeParts(
  batches: AsyncIterable<RecordBatch>,
  features: readonly string[],
  to: { readonly codec: ParquetCodec; readonly artifacts: ArtifactStore },
  onRows: (rows: number) => void,
): Promise<PartFiles> {
  const writers = new Map<Part, ParquetWriter>();
  try {
    let done = 0;
    for await (const batch of batches) {
      const dense = densify(batch, features, labelColumns);
      for (const [part, rows] of splitByPart(dense, "date")) {
        let writer = writers.get(part);
        if (writer === undefined) {
          writer = await to.codec.create(rows.schema);
          writers.set(part, writer);
        }
        await writer.write(rows);
      }
      done += batch.numRows;
      onRows(done);
    }
    const files: Partial<Record<Part, PartFile>> = {};
    for (const part of parts) {
      const output = await writers.get(part)?.finish();
      if (output === undefined) throw new Error(`no flight falls into the part "${part}"`);
      const { digest } = await to.artifacts.putBlob(output.body);
      files[part] = { digest, rows: output.rows };
    }
    return files as PartFiles;
  } finally {
    for (const writer of writers.values()) await writer[Symbol.asyncDispose]();
  }
}
