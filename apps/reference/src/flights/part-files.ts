import { type RecordBatch, RecordBatchReader, RecordBatchStreamWriter, type Schema, Table } from "apache-arrow";
import type { ArtifactStore } from "@ashlar/storage/artifact";
import { densify, evenSample } from "./batches.ts";
import { type Part, splitByPart } from "./parts.ts";

/** One part of a training set: an Arrow IPC stream in the artifact store. */
export interface PartFile {
  readonly digest: string;
  readonly rows: number;
  /** Rows whose flight left late. */
  readonly late: number;
}

/** The parts, and an even sample of the first for the smaller models. */
export type PartFiles = Readonly<Record<Part | "sample", PartFile>>;

/** Of all rows; about three quarters of them fall into the part for training. */
const sampleRows = 500_000;

/** The label, and what an evaluation needs to know of a row beside its features. */
const labelColumns = ["date", "origin", "destination", "late"] as const;

/** Writes a training set part by part, in the order of its rows, as plain float32 in which NaN is missing. */
export async function writeParts(
  set: { readonly rows: number; readonly batches: () => AsyncIterable<RecordBatch> },
  features: readonly string[],
  artifacts: ArtifactStore,
  onRows: (rows: number) => void,
): Promise<PartFiles> {
  const files = new Map<keyof PartFiles, PartWriter>();
  const sample = evenSample(set.rows, Math.min(set.rows, sampleRows));

  async function write(part: keyof PartFiles, rows: RecordBatch): Promise<void> {
    const file = files.get(part) ?? partWriter(artifacts, rows.schema);
    files.set(part, file);
    await file.write(rows);
  }
  async function finish(part: keyof PartFiles): Promise<PartFile> {
    const file = files.get(part);
    if (file === undefined) throw new Error(`no flight falls into the part "${part}"`);
    return file.finish();
  }

  try {
    let done = 0;
    for await (const batch of set.batches()) {
      const dense = toPartBatch(batch, features);
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
  } catch (error) {
    for (const file of files.values()) await file.abort(error);
    throw error;
  }
}

/** A batch of a training set in the form of its files. */
export function toPartBatch(batch: RecordBatch, features: readonly string[]): RecordBatch {
  return densify(batch, features, labelColumns);
}

/** Reads a part again, verified on the way. */
export async function* readPart(artifacts: ArtifactStore, digest: string): AsyncIterable<RecordBatch> {
  yield* await RecordBatchReader.from(await artifacts.getBlob(digest));
}

interface PartWriter {
  write(batch: RecordBatch): Promise<void>;
  finish(): Promise<PartFile>;
  abort(reason: unknown): Promise<void>;
}

function partWriter(artifacts: ArtifactStore, schema: Schema): PartWriter {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const stored = artifacts.putBlob(readable);
  // A failure shows when the part is finished; until then it must not count as unhandled.
  stored.catch(() => undefined);
  const writer = writable.getWriter();
  const head = streamOf(new Table(schema));
  let rows = 0;
  let late = 0;
  return {
    async write(batch) {
      if (batch.numRows === 0) return;
      if (rows === 0) await writer.write(head.subarray(0, -endOfStream));
      const bytes = streamOf(new Table([batch]));
      await writer.write(bytes.subarray(head.length - endOfStream, -endOfStream));
      rows += batch.numRows;
      late += countLate(batch);
    },
    async finish() {
      await writer.write(head.subarray(-endOfStream));
      await writer.close();
      return { digest: (await stored).digest, rows, late };
    },
    async abort(reason) {
      await writer.abort(reason).catch(() => undefined);
      await stored.catch(() => undefined);
    },
  };
}

function countLate(batch: RecordBatch): number {
  const late = batch.getChild("late");
  let count = 0;
  for (let row = 0; row < batch.numRows; row++) if (late?.get(row) === true) count += 1;
  return count;
}

/** Bytes of the mark at the end of an Arrow IPC stream (Columnar format, "IPC Streaming Format"). */
const endOfStream = 8;

/** Schema, batches, end. A stream of one batch without its schema and its end is the message of that batch. */
function streamOf(table: Table): Uint8Array {
  return RecordBatchStreamWriter.writeAll(table).toUint8Array(true);
}
