import type { RecordBatch } from "apache-arrow";
import type { ArtifactStore } from "@ashlar/storage/artifact";
import type { ParquetCodec, ParquetWriter } from "@ashlar/storage";
import { densify, evenSample } from "./batches.ts";
import { type Part, splitByPart } from "./parts.ts";

/** One part of a training set as a Parquet file in the artifact store. */
export interface PartFile {
  readonly digest: string;
  readonly rows: number;
}

/** The parts, and an even sample of the first for the smaller models. */
export type PartFiles = Readonly<Record<Part | "sample", PartFile>>;

/** Of all rows; about three quarters of them fall into the part for training. */
const sampleRows = 500_000;

/** The label, and what an evaluation needs to know of a row beside its features. */
export const labelColumns = ["date", "origin", "destination", "late"] as const;

/** Writes a training set as one Parquet file for each part, in the order of its rows. Missing values are NaN. */
export async function writeParts(
  set: { readonly rows: number; readonly batches: () => AsyncIterable<RecordBatch> },
  features: readonly string[],
  to: { readonly codec: ParquetCodec; readonly artifacts: ArtifactStore },
  onRows: (rows: number) => void,
): Promise<PartFiles> {
  const writers = new Map<keyof PartFiles, ParquetWriter>();
  const sample = evenSample(set.rows, Math.min(set.rows, sampleRows));

  async function write(part: keyof PartFiles, rows: RecordBatch): Promise<void> {
    const writer = writers.get(part) ?? (await to.codec.create(rows.schema));
    writers.set(part, writer);
    await writer.write(rows);
  }
  async function finish(part: keyof PartFiles): Promise<PartFile> {
    const output = await writers.get(part)?.finish();
    if (output === undefined) throw new Error(`no flight falls into the part "${part}"`);
    const { digest } = await to.artifacts.putBlob(output.body);
    return { digest, rows: output.rows };
  }

  try {
    let done = 0;
    for await (const batch of set.batches()) {
      const dense = densify(batch, features, labelColumns);
      for (const [part, rows] of splitByPart(dense, "date")) {
        await write(part, rows);
        if (part === "train") await write("sample", sample(rows));
      }
      done += batch.numRows;
      onRows(done);
    }
    return {
      train: await finish("train"),
      sample: await finish("sample"),
      validate: await finish("validate"),
      judge: await finish("judge"),
    };
  } finally {
    for (const writer of writers.values()) await writer[Symbol.asyncDispose]();
  }
}
