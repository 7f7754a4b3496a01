import { isDeepStrictEqual } from "node:util";
import {
  assertObjectKey,
  type Clock,
  isAshlarError,
  type Logger,
  type ObjectStore,
  silentLogger,
  systemClock,
} from "@ashlar/core";
import { storageError } from "../errors.ts";
import type { ParquetCodec } from "../parquet/port.ts";
import { CheckpointQueue } from "./checkpoint-queue.ts";
import { LatestStates } from "./latest-states.ts";
import { declarationProblem } from "./declared.ts";
import { preferredCodec } from "./preferred-codec.ts";
import { DeltaTable, type LakeTable, type TableOptions } from "./table.ts";

export type { AppendOptions, AppendResult } from "./append.ts";
export type { Row } from "./assign.ts";
export type { ChangeOptions } from "./change.ts";
export type { ChangesOptions } from "./change-feed.ts";
export type { AppendTransaction } from "./commit.ts";
export * from "../expect/index.ts";
export type { IntakeOptions, Rows } from "./intake.ts";
export { type ParquetFiles, parquetFiles } from "./parquet-files.ts";
export type { DeleteOptions, DeleteResult } from "./delete.ts";
export type { MergeOptions, MergeResult, MergeValue } from "./merge.ts";
export type { OptimizeOptions, OptimizeResult } from "./optimize.ts";
export type { OverwriteOptions, OverwriteResult } from "./overwrite.ts";
export type { RestoreOptions, RestoreResult } from "./restore.ts";
export type { SetValue, UpdateOptions, UpdateResult } from "./update.ts";
export type { ScanOptions } from "./scan.ts";
export type { DataFile, HistoryEntry, LakeTable, LakeTableView, Snapshot, TableOptions } from "./table.ts";
export type { AlterOptions, Rename, TableChanges, Widening } from "./alter.ts";
export type { PointInTime } from "./time-travel.ts";
export type { VacuumOptions, VacuumResult } from "./vacuum.ts";
export { batchFrom, type PlainColumns } from "../parquet/batch-from.ts";
export { jsonField, jsonValues } from "./json-column.ts";
export { columnTypeOf } from "../parquet/arrow-type.ts";
export type { ColumnType, Scalar, Value } from "../parquet/column-type.ts";
export { rowsOf } from "../parquet/rows-of.ts";
export type { JsonCondition, JsonConditions, JsonScalar } from "../parquet/json-condition.ts";
export type { Json } from "../parquet/json-text.ts";
export type { Condition, Predicate, PredicateValue } from "../parquet/predicate.ts";

export interface LakeOptions {
  /** Must decide `ifAbsent` atomically: that is what keeps racing writers apart. */
  readonly objects: ObjectStore;
  /** @default DuckDB where `@duckdb/node-api` is installed, else hyparquet; a codec that is given stays yours */
  readonly codec?: ParquetCodec;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/** Delta Lake tables in an object store. */
export interface Lake extends AsyncDisposable {
  /**
   * A table, whether it exists yet or not. What is said of one that exists is held against it.
   *
   * @throws TABLE_NAME_INVALID, SCHEMA_MISMATCH, PARTITION_INVALID, TYPE_UNSUPPORTED, LOG_CORRUPT
   */
  table(name: string, options?: TableOptions): Promise<LakeTable>;
  /**
   * Resolves when no checkpoint is being written in the background, as they are after every tenth commit to a table of
   * 5,000 files or more. One that fails is logged, and the next tries again; disposing the lake waits too.
   */
  settled(): Promise<void>;
}

/** Opens a lake. A table named `a/b` lives below the key `a/b/`, as any Delta engine expects it. */
export function openLake(options: LakeOptions): Lake {
  const { objects, clock = systemClock, logger = silentLogger } = options;
  const codec = options.codec ?? preferredCodec();
  const checkpoints = new CheckpointQueue();
  const context = { objects, codec, clock, logger, states: new LatestStates(objects, clock), checkpoints };
  return {
    async table(name, tableOptions = {}) {
      assertTableName(name);
      const table = new DeltaTable(context, logger, name, tableOptions);
      await assertAgrees(table, tableOptions);
      return table;
    },
    settled: () => checkpoints.settled(),
    async [Symbol.asyncDispose]() {
      await checkpoints.settled();
      if (options.codec === undefined) await codec[Symbol.asyncDispose]();
    },
  };
}

function assertTableName(table: string): void {
  const rule = brokenRule(table);
  if (rule !== undefined) throw storageError("TABLE_NAME_INVALID", { table, rule });
}

function brokenRule(table: string): string | undefined {
  if (!/^[\w.\-/]+$/.test(table)) return "it has a character that is not portable";
  if (table.split("/").some((part) => part.startsWith("_")))
    return "a part that begins with an underscore is hidden to engines";
  try {
    assertObjectKey(table);
    return undefined;
  } catch (error) {
    return String((error as Error).message);
  }
}

/** What was said of a table that exists must be true of it. */
async function assertAgrees(table: DeltaTable, { schema, partitionBy }: TableOptions): Promise<void> {
  if (schema === undefined && partitionBy === undefined) return;
  const found = await definitionOf(table);
  if (found === undefined) return;
  if (partitionBy !== undefined && !isDeepStrictEqual([...partitionBy], [...found.partitionBy])) {
    const problem = `it exists, partitioned by [${found.partitionBy.join(", ")}]`;
    throw storageError("PARTITION_INVALID", { table: table.name, problem });
  }
  const problem = schema && declarationProblem(schema, found.columns);
  if (problem !== undefined) throw storageError("SCHEMA_MISMATCH", { table: table.name, problem });
}

async function definitionOf(table: DeltaTable): Promise<Awaited<ReturnType<DeltaTable["state"]>>["definition"]> {
  try {
    return (await table.state()).definition;
  } catch (error) {
    if (isAshlarError(error, "TABLE_NOT_FOUND")) return undefined;
    throw error;
  }
}
