import type { Clock, Logger, ObjectStore } from "@ashlar/core";
import type { RecordBatch, Schema } from "apache-arrow";
import type { ParquetCodec, ParquetWriter } from "../parquet/port.ts";
import type { AddFile } from "./actions.ts";
import type { LatestStates } from "./latest-states.ts";
import { encodePath, partitionPath, partitions } from "./partition.ts";
import { arrange, arrowOf, type TableColumn } from "./schema.ts";
import { FileStatistics } from "./statistics.ts";

/** Where tables live, and with what they are read and written. */
export interface LakeContext {
  readonly objects: ObjectStore;
  readonly codec: ParquetCodec;
  readonly clock: Clock;
  /** What has been read of the logs so far. */
  readonly states: LatestStates;
  /** @default silent */
  readonly logger?: Logger;
}

interface OpenFile {
  readonly values: Readonly<Record<string, string | null>>;
  readonly writer: ParquetWriter;
  readonly statistics: FileStatistics;
}

/**
 * Rows on their way into a table: one open Parquet file per partition. Nothing of it is part of the table until its
 * files are committed; disposing it uncommitted deletes what was written.
 */
export class Stage implements AsyncDisposable {
  rows = 0;
  readonly #context: LakeContext;
  readonly #table: string;
  readonly #columns: readonly TableColumn[];
  readonly #partitionBy: readonly string[];
  readonly #fileSchema: Schema;
  readonly #open: Map<string, OpenFile> = new Map();
  readonly #written: string[] = [];
  #committed = false;

  constructor(
    context: LakeContext,
    table: string,
    definition: { readonly columns: readonly TableColumn[]; readonly partitionBy: readonly string[] },
  ) {
    this.#context = context;
    this.#table = table;
    this.#columns = definition.columns;
    this.#partitionBy = definition.partitionBy;
    this.#fileSchema = arrowOf(this.#columns.filter((column) => !this.#partitionBy.includes(column.name)));
  }

  /** @throws SCHEMA_MISMATCH, PARTITION_INVALID */
  async write(batch: RecordBatch): Promise<void> {
    const arranged = arrange(this.#table, this.#columns, batch);
    for (const { values, rows } of partitions(this.#table, arranged, this.#partitionBy)) {
      const file = await this.#fileOf(values);
      file.statistics.observe(rows);
      await file.writer.write(rows);
    }
    this.rows += batch.numRows;
  }

  async #fileOf(values: OpenFile["values"]): Promise<OpenFile> {
    const path = partitionPath(this.#partitionBy, values);
    let file = this.#open.get(path);
    if (file === undefined) {
      const writer = await this.#context.codec.create(this.#fileSchema);
      file = { values, writer, statistics: new FileStatistics() };
      this.#open.set(path, file);
    }
    return file;
  }

  /** Writes the files out and returns them for the log. */
  async finish(signal?: AbortSignal): Promise<AddFile[]> {
    const files: AddFile[] = [];
    for (const [folder, { values, writer, statistics }] of this.#open) {
      signal?.throwIfAborted();
      await using finishing = writer;
      const { body } = await finishing.finish();
      const path = `${folder}part-${String(files.length).padStart(5, "0")}-${crypto.randomUUID()}.c000.parquet`;
      const key = `${this.#table}/${path}`;
      const { size } = await this.#context.objects.put(key, body, { ifAbsent: true, ...(signal ? { signal } : {}) });
      this.#written.push(key);
      this.#open.delete(folder);
      files.push({
        path: encodePath(path),
        partitionValues: values,
        size,
        modificationTime: this.#context.clock.now(),
        dataChange: true,
        stats: statistics.toJson(),
      });
    }
    return files;
  }

  /** From here on the files belong to the table. */
  committed(): void {
    this.#committed = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { writer } of this.#open.values()) await writer[Symbol.asyncDispose]();
    this.#open.clear();
    if (this.#committed) return;
    for (const key of this.#written) await this.#context.objects.delete(key);
  }
}
