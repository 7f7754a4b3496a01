import type { Logger } from "@ashlar/core";
import type { RecordBatch, Schema } from "apache-arrow";
import { storageError } from "../errors.ts";
import type { Expectation, Severity } from "../expect/expectation.ts";
import { type ExpectationRecord, recordOf } from "../expect/result.ts";
import { pathInStore } from "../parquet/source.ts";
import { checkpoint } from "./after-commit.ts";
import { alter, type AlterOptions, type TableChanges } from "./alter.ts";
import { append, type AppendOptions, type AppendResult } from "./append.ts";
import type { IntakeTarget, Rows } from "./intake.ts";
import { VersionTimes } from "./in-commit-timestamp.ts";
import { TableLog } from "./log.ts";
import { changes, type ChangesOptions } from "./change-feed.ts";
import { dataKey } from "./data-file.ts";
import { deleteRows, type DeleteOptions, type DeleteResult } from "./delete.ts";
import { merge, type MergeOptions, type MergeResult } from "./merge.ts";
import { optimize, type OptimizeOptions, type OptimizeResult } from "./optimize.ts";
import { overwrite, type OverwriteOptions, type OverwriteResult } from "./overwrite.ts";
import { arePlain } from "./plain-files.ts";
import { restore, type RestoreOptions, type RestoreResult } from "./restore.ts";
import { countRows } from "./rewrite.ts";
import { scan, type ScanOptions } from "./scan.ts";
import { arrowOf } from "./schema.ts";
import type { LakeContext } from "./stage.ts";
import type { Definition, TableState } from "./state.ts";
import { parseStatistics } from "./statistics.ts";
import { updateRows, type UpdateOptions, type UpdateResult } from "./update.ts";
import { type PointInTime, resolveVersion } from "./time-travel.ts";
import { vacuum, type VacuumOptions, type VacuumResult } from "./vacuum.ts";

/** One version of a table. */
export interface Snapshot {
  readonly version: number;
  readonly schema: Schema;
  readonly partitionBy: readonly string[];
  readonly rows: number;
  readonly files: readonly DataFile[];
}

export interface DataFile {
  /** The key in the object store. */
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  readonly partition: Readonly<Record<string, string | null>>;
  /** Absent when the writer gave no statistics. */
  readonly rows?: number;
}

export interface HistoryEntry {
  readonly version: number;
  /**
   * When the store got the version, epoch milliseconds: strictly ascending, whatever the clocks of writers. In a table
   * with `delta.enableInCommitTimestamps`: when its writer says that it was committed.
   */
  readonly timestamp: number;
  readonly operation: string;
  /** Everything the writer noted; its `timestamp` is by the writer's clock. */
  readonly info: Readonly<Record<string, unknown>>;
}

/** A table at a version: what readers need. */
export interface LakeTableView {
  readonly name: string;
  /** Streams rows as Arrow batches. @throws TABLE_NOT_FOUND, COLUMN_UNKNOWN, PREDICATE_INVALID, LOG_CORRUPT, DATA_FILE_MISSING, DATA_FILE_CORRUPT */
  scan(options?: ScanOptions): AsyncIterable<RecordBatch>;
  snapshot(): Promise<Snapshot>;
  /**
   * The absolute paths of the Parquet files, when the object store keeps files and the files are the rows: not where
   * deletion vectors, mapped, added or widened columns make them something else. Else undefined. Partition columns are not
   * in the files: their values stand in the paths, `month=2001-06/`.
   */
  localFiles(): Promise<readonly string[] | undefined>;
  /** Names this state of the table: `flights@3`. */
  fingerprint(): Promise<string>;
}

/** A Delta Lake table. */
export interface LakeTable extends Omit<LakeTableView, "scan" | "snapshot"> {
  /** As of the latest version, or of the one given. @throws VERSION_NOT_FOUND */
  scan(options?: ScanOptions & { readonly version?: number }): AsyncIterable<RecordBatch>;
  /** @throws TABLE_NOT_FOUND, VERSION_NOT_FOUND, LOG_CORRUPT */
  snapshot(options?: { readonly version?: number }): Promise<Snapshot>;
  /**
   * Appends rows as one version, all or none; the first append makes the table. Rows stream: one file per partition is
   * open at a time. Racing writers all get in, one version each.
   *
   * @throws SCHEMA_MISMATCH, PARTITION_INVALID, EXPECTATION_FAILED, TABLE_EXPECTATION_FAILED, EXPECTATION_INVALID
   * @throws COMMIT_CONFLICT, PROTOCOL_UNSUPPORTED, TABLE_READ_ONLY
   */
  append(rows: Rows, options?: AppendOptions): Promise<AppendResult>;
  /**
   * Replaces rows as one version: all of them, those that `where` names, or the partitions that the new rows fall into.
   * Makes the table where there is none.
   *
   * @throws SCHEMA_MISMATCH, EXPECTATION_FAILED, REPLACE_MISMATCH, OPTION_INVALID, TABLE_READ_ONLY, COMMIT_CONFLICT
   */
  overwrite(rows: Rows, options?: OverwriteOptions): Promise<OverwriteResult>;
  /**
   * Deletes the rows that match. Files of which every row goes are not read, files without a match not written; the
   * others are written again without the rows. Loses to nobody: it is planned anew up to five times. It brings no row
   * that an expectation could be held against.
   *
   * @throws TABLE_NOT_FOUND, COLUMN_UNKNOWN, PREDICATE_INVALID, TABLE_READ_ONLY, COMMIT_CONFLICT
   */
  delete(options: DeleteOptions): Promise<DeleteResult>;
  /**
   * Sets columns of the rows that match. What is expected of values and rows is held against the rows as they become; of
   * one that is set aside the old row stays. Expectations on all rows of a write together are about rows that are brought:
   * those of the table are noted as skipped, one that is given with the update is refused.
   *
   * @throws UPDATE_INVALID, EXPECTATION_FAILED, EXPECTATION_INVALID and as `delete`
   */
  update(options: UpdateOptions): Promise<UpdateResult>;
  /**
   * Inserts, updates and deletes by key, as one version. The rows to merge are held in memory; the table streams past
   * them, and files that cannot hold one of their keys are not read. Expectations are held against the rows that it
   * inserts, and those that it updates as they become; of one that is set aside the old row stays.
   *
   * @throws MERGE_AMBIGUOUS when several rows have the key of a row of the table; SCHEMA_MISMATCH,
   * TABLE_EXPECTATION_FAILED, and as `update`
   */
  merge(rows: Rows, options: MergeOptions): Promise<MergeResult>;
  /**
   * Makes few files of many, and clusters rows, without changing one: readers and appends go on beside it. Files that
   * are good as they are stay. Deleted rows that a deletion vector hides are dropped.
   *
   * @throws OPTION_INVALID, COLUMN_UNKNOWN, COMMIT_CONFLICT
   */
  optimize(options?: OptimizeOptions): Promise<OptimizeResult>;
  /** Makes a new version with the rows, columns and properties of an older one. @throws VERSION_NOT_FOUND, DATA_FILE_MISSING */
  restore(options: RestoreOptions): Promise<RestoreResult>;
  /**
   * Streams the rows that versions changed, with `_change_type` (insert, delete, update_preimage, update_postimage),
   * `_commit_version` and `_commit_timestamp`. Without the table property `delta.enableChangeDataFeed` a rewritten
   * file shows as all of its rows deleted and inserted.
   *
   * @throws VERSION_NOT_FOUND, COLUMN_UNKNOWN
   */
  changes(options: ChangesOptions): AsyncIterable<RecordBatch>;
  /** The table as of a version, or of a moment: the last version committed by then. @throws VERSION_NOT_FOUND, TIMESTAMP_NOT_FOUND */
  at(when: number | PointInTime): LakeTableView;
  /** Every version in the log, latest first. Versions that only a checkpoint remembers are not in it. */
  history(): Promise<readonly HistoryEntry[]>;
  /**
   * Adds, renames, drops and widens columns, sets table properties, and declares what is expected of every write, as one
   * version that writes no data. Upgrades the
   * protocol where the change needs a table feature; engines without it can then not open the table any more.
   *
   * @throws TABLE_NOT_FOUND, ALTER_INVALID, COLUMN_UNKNOWN, TYPE_UNSUPPORTED, COMMIT_CONFLICT, PROTOCOL_UNSUPPORTED, TABLE_READ_ONLY
   */
  alter(changes: TableChanges, options?: AlterOptions): Promise<{ readonly version: number }>;
  /**
   * Writes a checkpoint of the latest version now, and cleans up the log behind it. Every tenth commit
   * (`delta.checkpointInterval`) does it by itself.
   *
   * @throws TABLE_NOT_FOUND, PROTOCOL_UNSUPPORTED
   */
  checkpoint(): Promise<{ readonly version: number }>;
  /**
   * Deletes files that no version within the retention needs. Versions from before it can then not be read any more.
   *
   * @throws TABLE_NOT_FOUND, VACUUM_UNSAFE, FILE_OUTSIDE, PROTOCOL_UNSUPPORTED, TABLE_READ_ONLY
   */
  vacuum(options?: VacuumOptions): Promise<VacuumResult>;
  /** What became of the expectations of each version that noted them, latest first. */
  expectationHistory(): Promise<readonly ExpectationRecord[]>;
}

export interface TableOptions {
  /**
   * The columns of a table that does not exist yet. One that exists must have them, of these names in this order: of the
   * same types or wider ones, and nullable where these are. @default those of the first batch, all nullable
   */
  readonly schema?: Schema;
  /** Partition columns, for a table that does not exist yet. @default [] */
  readonly partitionBy?: readonly string[];
  /**
   * What is expected of every write through this table object, beside what each expects. A table that is made with them
   * keeps them, but those with code of their own, and every table object then holds them: see `alter({ expect })`.
   *
   * @default []
   */
  readonly expect?: readonly Expectation[];
  /** For writes that do not say. @default what the table keeps, else "fail" */
  readonly onViolation?: Severity;
}

export class DeltaTable implements LakeTable {
  readonly name: string;
  readonly #context: LakeContext;
  readonly #logger: Logger;
  readonly #options: TableOptions;
  readonly #log: TableLog;

  constructor(context: LakeContext, logger: Logger, name: string, options: TableOptions) {
    this.name = name;
    this.#context = context;
    this.#logger = logger;
    this.#options = options;
    this.#log = new TableLog(context.objects, name);
  }

  append(rows: Rows, options: AppendOptions = {}): Promise<AppendResult> {
    return append(this.#target(), rows, options);
  }

  overwrite(rows: Rows, options: OverwriteOptions = {}): Promise<OverwriteResult> {
    return overwrite(this.#target(), rows, options);
  }

  delete(options: DeleteOptions): Promise<DeleteResult> {
    return deleteRows(this.#target(), options);
  }

  update(options: UpdateOptions): Promise<UpdateResult> {
    return updateRows(this.#target(), options);
  }

  merge(rows: Rows, options: MergeOptions): Promise<MergeResult> {
    return merge(this.#target(), rows, options);
  }

  optimize(options: OptimizeOptions = {}): Promise<OptimizeResult> {
    return optimize(this.#target(), options);
  }

  restore(options: RestoreOptions): Promise<RestoreResult> {
    return restore(this.#target(), options);
  }

  async *changes(options: ChangesOptions): AsyncIterable<RecordBatch> {
    yield* changes(this.#context, this.#log, await this.state(options.to, options.signal), options);
  }

  #target(): IntakeTarget {
    return { context: this.#context, logger: this.#logger, name: this.name, ...this.#options };
  }

  async *scan(options: ScanOptions & { readonly version?: number } = {}): AsyncIterable<RecordBatch> {
    yield* scan(this.#context, await this.state(options.version, options.signal), options);
  }

  async snapshot(options: { readonly version?: number } = {}): Promise<Snapshot> {
    const state = await this.state(options.version);
    const definition = state.definition as Definition;
    const files = [...state.files.values()].map((file): DataFile => {
      const { rows } = parseStatistics(file.stats);
      const counted = rows === undefined ? {} : { rows: rows - (file.deletionVector?.cardinality ?? 0) };
      return { key: dataKey(this.name, file), size: file.size, partition: file.partitionValues, ...counted };
    });
    return {
      version: state.version,
      schema: arrowOf(definition.columns),
      partitionBy: definition.partitionBy,
      rows: await this.#countRows(state),
      files,
    };
  }

  async localFiles(version?: number): Promise<readonly string[] | undefined> {
    const state = await this.state(version);
    if (state.definition === undefined || !arePlain(state, state.definition)) return undefined;
    const paths = [...state.files.values()].map((file) => pathInStore(this.#context.objects, dataKey(this.name, file)));
    return paths.every((path) => path !== undefined) ? paths : undefined;
  }

  async fingerprint(version?: number): Promise<string> {
    return `${this.name}@${(await this.state(version)).version}`;
  }

  at(when: number | PointInTime): LakeTableView {
    const version = (): Promise<number> => resolveVersion(this.#log, () => this.state(), when);
    const scanAt = (options: ScanOptions): AsyncIterable<RecordBatch> => this.#scanAt(version, options);
    return {
      name: this.name,
      scan: (options = {}) => scanAt(options),
      snapshot: async () => this.snapshot({ version: await version() }),
      localFiles: async () => this.localFiles(await version()),
      fingerprint: async () => this.fingerprint(await version()),
    };
  }

  async *#scanAt(version: () => Promise<number>, options: ScanOptions): AsyncGenerator<RecordBatch> {
    yield* this.scan({ ...options, version: await version() });
  }

  alter(changes: TableChanges, options: AlterOptions = {}): Promise<{ readonly version: number }> {
    return alter(this.#context, this.name, changes, options);
  }

  async checkpoint(): Promise<{ readonly version: number }> {
    const state = await this.state();
    await checkpoint(this.#context, this.#log, state);
    return { version: state.version };
  }

  vacuum(options: VacuumOptions = {}): Promise<VacuumResult> {
    return vacuum(this.#context, this.name, options);
  }

  async history(): Promise<readonly HistoryEntry[]> {
    const { commits } = await this.#log.list();
    if (commits.length === 0) return [];
    const { definition } = await this.state();
    const times = new VersionTimes(this.#log, definition as Definition, commits);
    const entries: HistoryEntry[] = [];
    for (const { version } of commits.toReversed()) {
      const actions = await this.#log.read(version);
      const timestamp = times.of(version, actions);
      if (timestamp === undefined) continue;
      const info = actions.find((action) => action.commitInfo)?.commitInfo ?? {};
      const { operation } = info;
      entries.push({
        version,
        timestamp,
        operation: typeof operation === "string" ? operation : "UNKNOWN",
        info,
      });
    }
    return entries;
  }

  async expectationHistory(): Promise<readonly ExpectationRecord[]> {
    return (await this.history()).flatMap((entry) => recordOf(entry) ?? []);
  }

  async state(version?: number, signal?: AbortSignal): Promise<TableState> {
    const until = version === undefined ? {} : { until: version };
    const { state } = await this.#context.states.read(this.name, { ...until, ...(signal ? { signal } : {}) });
    if (state.version < 0) throw storageError("TABLE_NOT_FOUND", { table: this.name });
    return state;
  }

  /** From the log's statistics; a file without any is opened. */
  async #countRows(state: TableState): Promise<number> {
    let rows = 0;
    for (const file of state.files.values()) {
      rows += await countRows(this.#context, state, file);
    }
    return rows;
  }
}
