import type { Bytes, Clock, Logger, ObjectStore } from "@ashlar/core";
import { Field, type RecordBatch, Schema } from "apache-arrow";
import { batchOf } from "../parquet/batch.ts";
import { typesOf } from "../parquet/footer.ts";
import type { ParquetCodec, ParquetWriter } from "../parquet/port.ts";
import type { AddFile } from "./actions.ts";
import type { CheckpointQueue } from "./checkpoint-queue.ts";
import { physicalName } from "./column-mapping.ts";
import { fileColumn, toFile } from "./file-column.ts";
import type { LatestStates } from "./latest-states.ts";
import { encodePath, partitionPath, partitions } from "./partition.ts";
import { arrange, arrowOf, type TableColumn } from "./schema.ts";
import { FileStatistics, statisticsText } from "./statistics.ts";

/** Where tables live, and with what they are read and written. */
export interface LakeContext {
  readonly objects: ObjectStore;
  readonly codec: ParquetCodec;
  readonly clock: Clock;
  /** @default silent */
  readonly logger?: Logger;
  /** What has been read of the logs so far. */
  readonly states: LatestStates;
  readonly checkpoints: CheckpointQueue;
}

export interface StageOptions {
  readonly columns: readonly TableColumn[];
  readonly partitionBy: readonly string[];
  /** The folder below the table, with its slash. @default "" */
  readonly folder?: string;
  /** What the names of files begin with. @default "part" */
  readonly prefix?: string;
  /** Rows of a file, at most; a batch that is written is not cut. @default no limit */
  readonly fileRows?: number;
  /** @default true */
  readonly dataChange?: boolean;
  readonly tags?: Readonly<Record<string, string>>;
}

/** A finished Parquet file of one partition. */
export interface FinishedFile {
  /** By partition column. */
  readonly values: Readonly<Record<string, string | null>>;
  readonly rows: number;
  readonly body: Bytes;
  /** The text of `add.stats`. */
  readonly stats: string;
}

interface OpenFile {
  /** Tells its partition from all others: their folders may have the same name. */
  readonly partition: string;
  readonly values: Readonly<Record<string, string | null>>;
  readonly writer: ParquetWriter;
  /** Undefined where the writer keeps them. */
  readonly statistics: FileStatistics | undefined;
  rows: number;
  /** Rows of the stage when it last got some. */
  grown: number;
}

/** Rows that make a file worth storing, and rows of other files after which one is taken to have got all of its own. */
const settledRows = 100_000;

/** Files that are encoded and stored at the same time. */
const filesAtOnce = 4;

/**
 * Rows on their way into a table: one open Parquet file per partition. Nothing of it is part of the table until its
 * files are committed; disposing it before it was offered deletes what
 * was written.
 */
export class Stage implements AsyncDisposable {
  rows = 0;
  readonly #context: LakeContext;
  readonly #table: string;
  readonly #options: StageOptions;
  readonly #fileSchema: Schema;
  readonly #open: Map<string, OpenFile> = new Map();
  readonly #finished: FinishedFile[] = [];
  readonly #written: string[] = [];
  readonly #files: AddFile[] = [];
  /** Being encoded and stored while rows still come. */
  readonly #early: Set<Promise<void>> = new Set();
  #names = 0;
  #offered = false;

  constructor(context: LakeContext, table: string, options: StageOptions) {
    this.#context = context;
    this.#table = table;
    this.#options = options;
    const inFile = options.columns.filter((column) => !options.partitionBy.includes(column.name));
    this.#fileSchema = arrowOf(inFile.map(fileColumn));
  }

  /** @throws SCHEMA_MISMATCH, PARTITION_INVALID */
  async write(batch: RecordBatch, signal?: AbortSignal): Promise<void> {
    const { columns, partitionBy, fileRows = Infinity } = this.#options;
    const arranged = arrange(this.#table, columns, batch);
    for (const { values, rows } of partitions(this.#table, arranged, partitionBy)) {
      const file = await this.#fileOf(values);
      const named = this.#physical(rows);
      file.statistics?.observe(named);
      await file.writer.write(named);
      file.rows += rows.numRows;
      file.grown = this.rows + batch.numRows;
      if (file.rows >= fileRows) await this.#store(file, signal);
    }
    this.rows += batch.numRows;
    await this.#storeSettled(signal);
  }

  /** Rows mostly come in some order: a partition that gets no more of them is stored meanwhile. */
  async #storeSettled(signal: AbortSignal | undefined): Promise<void> {
    for (const file of this.#open.values()) {
      if (file.rows < settledRows || this.rows - file.grown < settledRows) continue;
      if (this.#early.size >= filesAtOnce) await Promise.race(this.#early);
      const storing = this.#store(file, signal);
      this.#early.add(storing);
      // One that failed stays, for `finish` to tell of it.
      storing.then(
        () => this.#early.delete(storing),
        () => {},
      );
    }
  }

  /** The batch under the names of the file. */
  #physical(rows: RecordBatch): RecordBatch {
    const { fields } = this.#fileSchema;
    const children = rows.data.children.map((data, index) => toFile(data, fields[index]?.type ?? data.type));
    const named = rows.schema.fields.map(
      (field, index) => new Field(fields[index]?.name ?? field.name, children[index]?.type ?? field.type, true),
    );
    return batchOf(new Schema(named), children, rows.numRows);
  }

  async #fileOf(values: OpenFile["values"]): Promise<OpenFile> {
    const partition = JSON.stringify(this.#options.partitionBy.map((name) => values[name] ?? null));
    let file = this.#open.get(partition);
    if (file === undefined) {
      const writer = await this.#context.codec.create(this.#fileSchema);
      const statistics = writer.tellsColumns === true ? undefined : new FileStatistics();
      file = { partition, values, writer, statistics, rows: 0, grown: this.rows };
      this.#open.set(partition, file);
    }
    return file;
  }

  /** Takes a file as it is; it is stored when the stage is finished. */
  add(file: FinishedFile): void {
    this.#finished.push(file);
    this.rows += file.rows;
  }

  /** Writes the files out and returns them for the log, in the order in which they were begun. */
  async finish(signal?: AbortSignal): Promise<readonly AddFile[]> {
    await Promise.all(this.#early);
    const waiting = [
      ...this.#finished.splice(0).map((file) => () => this.#put(this.#names++, file, signal)),
      ...[...this.#open.values()].map((file) => () => this.#store(file, signal)),
    ];
    while (waiting.length > 0) {
      const storing = waiting.splice(0, filesAtOnce).map((store) => store());
      const failed = (await Promise.allSettled(storing)).find((outcome) => outcome.status === "rejected");
      if (failed !== undefined) throw failed.reason;
    }
    return this.#files;
  }

  async #store({ partition, values, writer, statistics }: OpenFile, signal: AbortSignal | undefined): Promise<void> {
    // Files are encoded side by side; their numbers keep the order in which they were begun.
    const number = this.#names++;
    await using finishing = writer;
    this.#open.delete(partition);
    signal?.throwIfAborted();
    const { body, rows, columns = new Map() } = await finishing.finish();
    const stats = statistics?.toJson() ?? statisticsText(rows, typesOf(this.#fileSchema), columns);
    await this.#put(number, { values, rows, body, stats }, signal);
  }

  async #put(number: number, { values, body, stats }: FinishedFile, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    const { folder: root = "", prefix = "part", dataChange = true, tags, partitionBy, columns } = this.#options;
    const name = `${prefix}-${String(number).padStart(5, "0")}-${crypto.randomUUID()}.c000.parquet`;
    const path = `${root}${partitionPath(partitionBy, values)}${name}`;
    const key = `${this.#table}/${path}`;
    this.#written.push(key);
    const { size } = await this.#context.objects.put(key, body, { ifAbsent: true, ...(signal ? { signal } : {}) });
    const partitioned = columns.filter((column) => partitionBy.includes(column.name));
    this.#files[number] = {
      path: encodePath(path),
      partitionValues: Object.fromEntries(
        partitioned.map((column) => [physicalName(column), values[column.name] ?? null]),
      ),
      size,
      modificationTime: this.#context.clock.now(),
      dataChange,
      stats,
      ...(tags === undefined ? {} : { tags }),
    };
  }

  /**
   * From here on the files may belong to the table: a commit whose answer is lost may stand. They are kept, whatever
   * becomes of it, unless it is known to have failed.
   */
  offer(): void {
    this.#offered = true;
  }

  /** The commit is known to have failed. */
  withdraw(): void {
    this.#offered = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#early);
    for (const { writer } of this.#open.values()) await writer[Symbol.asyncDispose]();
    this.#open.clear();
    if (this.#offered) return;
    for (const key of this.#written) await this.#context.objects.delete(key);
  }
}
