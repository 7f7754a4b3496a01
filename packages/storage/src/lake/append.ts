import type { Logger } from "@ashlar/core";
import { type Data, Field, RecordBatch, Schema, Table, Utf8 } from "apache-arrow";
import { storageError } from "../errors.ts";
import { batchOf, dataOf, takeRows } from "../parquet/batch.ts";
import type { AddFile } from "./actions.ts";
import { type AppendTransaction, commit, type CommitRequest, isRepeated } from "./commit.ts";
import { shapeOf } from "./conflict.ts";
import { creationActions } from "./creation.ts";
import { type Check, type Expectation, prepare, type Violations } from "./expectations.ts";
import type { TableLog } from "./log.ts";
import { assertPartitionable } from "./partition.ts";
import { assertWritable } from "./protocol.ts";
import { arrange, columnsFromArrow, type TableColumn, typesByName } from "./schema.ts";
import { type LakeContext, Stage } from "./stage.ts";
import type { TableState } from "./state.ts";
import { parseStatistics } from "./statistics.ts";

/** Rows for a table. */
export type Rows = Table | RecordBatch | Iterable<RecordBatch> | AsyncIterable<RecordBatch>;

export interface AppendOptions {
  /** What every row must satisfy. @default nothing */
  readonly expect?: readonly Expectation[];
  /**
   * `fail` commits nothing. `quarantine` writes the bad rows with the reason (column `_reason`) into the table
   * `<name>__quarantine`, before the good ones are committed. `warn` appends them and logs. @default "fail"
   */
  readonly onViolation?: "fail" | "quarantine" | "warn";
  /** Kept with the version, for its history. @default {} */
  readonly commitInfo?: Readonly<Record<string, string | number | boolean>>;
  /** Makes the append idempotent: done again, it does nothing and answers as the first time. */
  readonly transaction?: AppendTransaction;
  readonly signal?: AbortSignal;
}

export interface AppendResult {
  readonly version: number;
  /** Rows appended. */
  readonly rows: number;
  readonly files: number;
  /** Rows that went to the quarantine instead. */
  readonly quarantined: number;
}

export interface AppendTarget {
  readonly context: LakeContext;
  readonly logger: Logger;
  readonly name: string;
  readonly schema?: Schema;
  readonly partitionBy?: readonly string[];
}

/** Appends rows as one version. See `LakeTable.append`. */
export async function append(target: AppendTarget, rows: Rows, options: AppendOptions): Promise<AppendResult> {
  const { context, name } = target;
  const { signal, transaction } = options;
  signal?.throwIfAborted();
  const { log, state } = await context.states.read(name, signal ? { signal } : {});
  if (isRepeated(state, transaction)) return earlierResult(state, log, transaction);

  const [first, batches] = await peek(rows);
  const definition = state.definition ?? newDefinition(target, first);
  if (state.protocol !== undefined && state.definition !== undefined)
    assertWritable(name, state.protocol, state.definition);
  const check = prepare(options.expect ?? [], typesByName(definition.columns));

  await using good = new Stage(context, name, definition);
  await using bad = new Stage(context, quarantineOf(name), {
    columns: withReason(definition.columns),
    partitionBy: [],
  });
  for await (const batch of batches) {
    signal?.throwIfAborted();
    if (batch.numRows > 0) await sort(target, options, check, arrange(name, definition.columns, batch), good, bad);
  }
  const now = context.clock.now();
  if (bad.rows > 0) await commitQuarantine(target, bad, definition.columns, { now, signal, transaction });
  const files = await good.finish(signal);
  if (files.length === 0 && transaction === undefined && state.definition !== undefined) {
    return { version: state.version, rows: 0, files: 0, quarantined: bad.rows };
  }
  const operationMetrics = {
    numFiles: `${files.length}`,
    numOutputRows: `${good.rows}`,
    numQuarantinedRows: `${bad.rows}`,
  };
  const request = appendRequest(state, definition, files, { now, signal, transaction });
  const committed = await commit(context, log, state, {
    ...request,
    metrics: operationMetrics,
    info: options.commitInfo ?? {},
  });
  if (committed === "repeated") return await earlierResult(state, log, transaction);
  good.committed();
  return { version: committed.version, rows: good.rows, files: files.length, quarantined: bad.rows };
}

export const quarantineOf = (table: string): string => `${table}__quarantine`;

function withReason(columns: readonly TableColumn[]): TableColumn[] {
  const nullable = columns.map((column) => ({ ...column, nullable: true }));
  return [...nullable, { name: "_reason", type: "string", nullable: true, metadata: {} }];
}

function newDefinition(
  target: AppendTarget,
  first: RecordBatch | undefined,
): { readonly columns: TableColumn[]; readonly partitionBy: readonly string[] } {
  const { name, schema, partitionBy = [] } = target;
  if (schema === undefined && first === undefined) {
    throw storageError("SCHEMA_MISMATCH", { table: name, problem: "there is no batch to learn the columns from" });
  }
  const columns =
    schema === undefined
      ? columnsFromArrow(name, first?.schema ?? new Schema(), "always")
      : columnsFromArrow(name, schema, "as given");
  assertPartitionable(name, columns, partitionBy);
  return { columns, partitionBy };
}

/** Sends each row of a batch where it belongs. @throws EXPECTATION_FAILED */
async function sort(
  { logger, name }: AppendTarget,
  { onViolation = "fail" }: AppendOptions,
  check: Check,
  batch: RecordBatch,
  good: Stage,
  bad: Stage,
): Promise<void> {
  const violations = check(batch);
  const { rows, reasons, example } = violations;
  if (rows.length === 0) return good.write(batch);
  const expectation = reasons[0] ?? "";
  if (onViolation === "fail") {
    throw storageError("EXPECTATION_FAILED", { table: name, expectation, rows: rows.length, example });
  }
  if (onViolation === "warn") {
    logger.warn({ table: name, expectation, rows: rows.length, example }, "rows break an expectation");
    return good.write(batch);
  }
  await bad.write(quarantined(batch, violations));
  const kept = remaining(batch.numRows, rows);
  if (kept.length > 0) await good.write(takeRows(batch, kept));
}

function quarantined(batch: RecordBatch, { rows, reasons }: Violations): RecordBatch {
  const taken = takeRows(batch, rows);
  const schema = new Schema([...taken.schema.fields, new Field("_reason", new Utf8(), true)]);
  return batchOf(schema, [...(taken.data.children as Data[]), dataOf("string", reasons)], rows.length);
}

function remaining(count: number, without: Int32Array): Int32Array {
  const kept = new Int32Array(count - without.length);
  for (let row = 0, next = 0, filled = 0; row < count; row++) {
    if (without[next] === row) next += 1;
    else kept[filled++] = row;
  }
  return kept;
}

interface AppendContext {
  readonly now: number;
  readonly signal: AbortSignal | undefined;
  readonly transaction: AppendTransaction | undefined;
}

/** A blind append: it read nothing but what the columns are, and creates the table where there is none. */
function appendRequest(
  state: TableState,
  definition: { readonly columns: readonly TableColumn[]; readonly partitionBy: readonly string[] },
  files: readonly AddFile[],
  { now, signal, transaction }: AppendContext,
): CommitRequest {
  const creation = state.definition === undefined ? creationActions(definition, now) : [];
  return {
    operation: "WRITE",
    parameters: { mode: "Append", partitionBy: JSON.stringify(definition.partitionBy) },
    actions: [...creation, ...files.map((add) => ({ add }))],
    read: "nothing",
    dataChange: true,
    ...(transaction === undefined ? {} : { transaction }),
    now,
    ...(signal ? { signal } : {}),
  };
}

async function commitQuarantine(
  { context, name }: AppendTarget,
  bad: Stage,
  columns: readonly TableColumn[],
  options: AppendContext,
): Promise<void> {
  const { log, state } = await context.states.read(quarantineOf(name));
  if (isRepeated(state, options.transaction)) return;
  const files = await bad.finish(options.signal);
  const definition = { columns: withReason(columns), partitionBy: [] };
  if (state.definition !== undefined) assertSameShape(state, definition);
  const committed = await commit(context, log, state, appendRequest(state, definition, files, options));
  if (committed !== "repeated") bad.committed();
}

/** A quarantine that was begun under other columns is no place for these rows. @throws SCHEMA_MISMATCH */
function assertSameShape(
  { table, definition }: TableState,
  wanted: { readonly columns: readonly TableColumn[]; readonly partitionBy: readonly string[] },
): void {
  if (definition === undefined || shapeOf(definition) === shapeOf(wanted)) return;
  const problem = "its columns are not those of the table and a reason: move this quarantine away first";
  throw storageError("SCHEMA_MISMATCH", { table, problem });
}

/** What the append that this one repeats had answered, from its log entry. */
async function earlierResult(
  state: TableState,
  log: TableLog,
  transaction: AppendTransaction | undefined,
): Promise<AppendResult> {
  const version = await versionOf(state, log, transaction);
  if (version === undefined) return { version: state.version, rows: 0, files: 0, quarantined: 0 };
  const actions = await log.read(version);
  const adds = actions.flatMap((action) => action.add ?? []);
  const metrics = actions.find((action) => action.commitInfo)?.commitInfo?.["operationMetrics"];
  const quarantined = Number((metrics as Record<string, string> | undefined)?.["numQuarantinedRows"] ?? 0);
  const rows = adds.reduce((sum, add) => sum + (parseStatistics(add.stats).rows ?? 0), 0);
  return { version, rows, files: adds.length, quarantined };
}

/** The version that holds a transaction; undefined when its log entry has been cleaned up. */
async function versionOf(
  state: TableState,
  log: TableLog,
  transaction: AppendTransaction | undefined,
): Promise<number | undefined> {
  const appId = transaction?.appId ?? "";
  const committed = state.transactions.get(appId)?.committed;
  if (committed !== undefined) return committed;
  // Only a checkpoint remembers it: its entry is among those that are still there.
  for (const { version } of (await log.list({ until: state.version })).commits.toReversed()) {
    if ((await log.read(version)).some((action) => action.txn?.appId === appId)) return version;
  }
  return undefined;
}

/** The first batch, and all of them. */
async function peek(rows: Rows): Promise<[RecordBatch | undefined, AsyncIterable<RecordBatch>]> {
  const source = rows instanceof Table ? rows.batches : rows instanceof RecordBatch ? [rows] : rows;
  const iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  const first = await iterator.next();
  async function* all(): AsyncGenerator<RecordBatch> {
    try {
      for (let next = first; next.done !== true; next = await iterator.next()) yield next.value;
    } finally {
      await iterator.return?.();
    }
  }
  return [first.done === true ? undefined : first.value, all()];
}
