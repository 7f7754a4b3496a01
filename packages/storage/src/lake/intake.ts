import type { Logger } from "@ashlar/core";
import { RecordBatch, Schema, Table } from "apache-arrow";
import { storageError } from "../errors.ts";
import type { Expectation } from "../expect/expectation.ts";
import { type Inspection, inspection } from "../expect/inspection.ts";
import { quarantineBatch, type QuarantineFacts, quarantineFields } from "../expect/quarantine.ts";
import { commitInfoOf } from "../expect/result.ts";
import type { AddFile } from "./actions.ts";
import { type AppendTransaction, commit, type CommitRequest, isRepeated } from "./commit.ts";
import { shapeOf } from "./conflict.ts";
import { creationActions } from "./creation.ts";
import { type ChangeOptions, isRefusal } from "./change.ts";
import { type Evolution, evolved, fitted } from "./evolve.ts";
import { jsonExpectations } from "./json-column.ts";
import { assertPartitionable } from "./partition.ts";
import { scan } from "./scan.ts";
import { arrange, columnsFromArrow, type TableColumn, typesByName } from "./schema.ts";
import { type LakeContext, Stage } from "./stage.ts";
import type { TableState } from "./state.ts";

/** Rows for a table. */
export type Rows = Table | RecordBatch | Iterable<RecordBatch> | AsyncIterable<RecordBatch>;

/** What every operation that brings rows takes. */
export interface IntakeOptions extends ChangeOptions {
  /** What the rows must satisfy, beside what the table expects of every write. @default nothing */
  readonly expect?: readonly Expectation[];
  /**
   * What becomes of rows that break an expectation which does not say itself. `fail` commits nothing. `quarantine` writes
   * them with the reasons into the table `<name>__quarantine`, before the good ones are committed; what is expected of all
   * rows together fails all the same. `warn` writes them and logs. @default that of the table, else "fail"
   */
  readonly onViolation?: "fail" | "quarantine" | "warn";
  /** Names the write in the quarantine and in the table's expectation history. @default a random UUID */
  readonly run?: string;
  /**
   * `add-columns`: columns that the rows have and the table has not are added to it, nullable; nullable columns that
   * the rows lack become null; values of a narrower type are widened to the table's. `none`: the rows must have the
   * table's columns and types. @default "none"
   */
  readonly evolve?: "add-columns" | "none";
}

export interface IntakeTarget {
  readonly context: LakeContext;
  readonly logger: Logger;
  readonly name: string;
  readonly schema?: Schema;
  readonly partitionBy?: readonly string[];
  /** What is expected of every write. */
  readonly expect?: readonly Expectation[];
  readonly onViolation?: "fail" | "quarantine" | "warn";
}

export interface Shape {
  readonly columns: readonly TableColumn[];
  readonly partitionBy: readonly string[];
}

/** Rows that were taken in: checked, and written to files that no version names yet. */
export interface Intake extends AsyncDisposable {
  /** The columns that the rows were written for: those of the table, with what it is to gain. */
  readonly definition: Shape;
  /** What the table is to gain; empty when it has all columns. */
  readonly evolution: Evolution;
  readonly rows: number;
  readonly quarantined: number;
  readonly files: readonly AddFile[];
  /** What became of the expectations, for `commitInfo`. */
  readonly info: Readonly<Record<string, string>>;
  offer(): void;
  withdraw(): void;
}

/** Checks rows and writes them to files; bad ones go to the quarantine first. @throws SCHEMA_MISMATCH, EXPECTATION_FAILED, TABLE_EXPECTATION_FAILED, EXPECTATION_INVALID */
export async function takeIn(
  target: IntakeTarget,
  state: TableState,
  rows: Rows,
  options: IntakeOptions,
  inspect: (batch: RecordBatch) => void = () => undefined,
): Promise<Intake> {
  const { context, name } = target;
  const { signal, transaction, evolve = "none" } = options;
  const [first, batches] = await peek(rows);
  const evolution = evolve === "none" ? [] : evolved(name, state.definition, first?.schema);
  const definition = shaped(state.definition ?? newDefinition(target, first), evolution);
  const { columns } = definition;
  const { now, inspected } = await inspectionOf(target, state, columns, options);
  const facts = { version: state.version, now, run: options.run ?? crypto.randomUUID() };
  const bad = new Stage(context, quarantineOf(name), { columns: withReason(columns), partitionBy: [] });
  await using _ = bad;
  const good = new Stage(context, name, definition);
  try {
    for await (const batch of batches) {
      signal?.throwIfAborted();
      const arranged = arrange(name, columns, evolve === "none" ? batch : fitted(name, columns, batch));
      if (batch.numRows > 0) await sort(inspected, facts, arranged, good, bad, inspect, signal);
    }
    const results = inspected.finish();
    if (bad.rows > 0) await commitQuarantine(target, bad, columns, { now: context.clock.now(), signal, transaction });
    const files = await good.finish(signal);
    return {
      definition,
      evolution,
      rows: good.rows,
      quarantined: bad.rows,
      files,
      info: commitInfoOf(facts.run, results),
      offer: () => good.offer(),
      withdraw: () => good.withdraw(),
      [Symbol.asyncDispose]: () => good[Symbol.asyncDispose](),
    };
  } catch (error) {
    await good[Symbol.asyncDispose]();
    throw error;
  }
}

const shaped = ({ columns, partitionBy }: Shape, evolution: Evolution): Shape => ({
  columns: [...columns, ...evolution],
  partitionBy,
});

export const quarantineOf = (table: string): string => `${table}__quarantine`;

function withReason(columns: readonly TableColumn[]): TableColumn[] {
  const nullable = columns.map(({ name, type }) => ({ name, type, nullable: true, metadata: {} }));
  return [...nullable, ...columnsFromArrow("the quarantine", new Schema([...quarantineFields]), "always")];
}

function newDefinition(target: IntakeTarget, first: RecordBatch | undefined): Shape {
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

/** The expectations of the table and of the write, made ready for its columns. */
async function inspectionOf(
  { context, logger, name, expect = [], ...table }: IntakeTarget,
  state: TableState,
  columns: readonly TableColumn[],
  options: IntakeOptions,
): Promise<{ readonly now: number; readonly inspected: Inspection }> {
  const now = context.clock.now();
  const onViolation = options.onViolation ?? table.onViolation ?? "fail";
  const types = typesByName(columns);
  const { definition } = state;
  const signal = options.signal ? { signal: options.signal } : {};
  const previous =
    definition === undefined
      ? undefined
      : (wanted: readonly string[]): AsyncIterable<RecordBatch> => {
          // A column that the write adds has no rows before it.
          const known = wanted.every((column) => definition.columns.some((other) => other.name === column));
          return known ? scan(context, state, { columns: wanted, ...signal }) : none();
        };
  const write = { table: name, types, now, previous, onViolation, logger };
  const expected = [...jsonExpectations(columns, onViolation), ...expect, ...(options.expect ?? [])];
  return { now, inspected: await inspection(expected, write) };
}

async function* none(): AsyncGenerator<never> {}

/** Sends each row of a batch where it belongs. @throws EXPECTATION_FAILED */
async function sort(
  inspected: Inspection,
  facts: QuarantineFacts,
  batch: RecordBatch,
  good: Stage,
  bad: Stage,
  inspect: (batch: RecordBatch) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { kept, quarantined } = inspected.inspect(batch);
  if (quarantined !== undefined) await bad.write(quarantineBatch(quarantined, facts));
  if (kept === undefined) return;
  inspect(kept);
  await good.write(kept, signal);
}

/** The row numbers below `count` that are not among the given ones, which ascend. */
export function complement(count: number, without: Int32Array): Int32Array {
  const kept = new Int32Array(count - without.length);
  for (let row = 0, next = 0, filled = 0; row < count; row++) {
    if (without[next] === row) next += 1;
    else kept[filled++] = row;
  }
  return kept;
}

export interface AppendContext {
  readonly now: number;
  readonly signal: AbortSignal | undefined;
  readonly transaction: AppendTransaction | undefined;
}

/** A blind append: it read nothing but what the columns are, and creates the table where there is none. */
export function appendRequest(
  state: TableState,
  definition: Shape,
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
  { context, name }: IntakeTarget,
  bad: Stage,
  columns: readonly TableColumn[],
  options: AppendContext,
): Promise<void> {
  const { log, state } = await context.states.read(quarantineOf(name));
  if (isRepeated(state, options.transaction)) return;
  const files = await bad.finish(options.signal);
  const definition = { columns: withReason(columns), partitionBy: [] };
  if (state.definition !== undefined) assertSameShape(state, definition);
  bad.offer();
  try {
    const committed = await commit(context, log, state, appendRequest(state, definition, files, options));
    if (committed === "repeated") bad.withdraw();
  } catch (error) {
    if (isRefusal(error)) bad.withdraw();
    throw error;
  }
}

/** A quarantine that was begun under other columns is no place for these rows. @throws SCHEMA_MISMATCH */
function assertSameShape({ table, definition }: TableState, wanted: Shape): void {
  if (definition === undefined || shapeOf(definition) === shapeOf(wanted)) return;
  const problem = "its columns are not those of the table and a reason: move this quarantine away first";
  throw storageError("SCHEMA_MISMATCH", { table, problem });
}

/** The first batch, and all of them. */
export async function peek(rows: Rows): Promise<[RecordBatch | undefined, AsyncIterable<RecordBatch>]> {
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
