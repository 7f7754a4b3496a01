import { type RecordBatch, Schema } from "apache-arrow";
import { storageError } from "../errors.ts";
import type { Inspection } from "../expect/inspection.ts";
import { quarantineBatch, type QuarantineFacts } from "../expect/quarantine.ts";
import { commitInfoOf } from "../expect/result.ts";
import type { AddFile } from "./actions.ts";
import type { NewTable } from "./append-request.ts";
import type { ChangeOptions } from "./change.ts";
import { type Evolution, evolved, fitted } from "./evolve.ts";
import { holdExpectations, type HoldOptions, type HoldTarget, type Remaining } from "./held.ts";
import { incomingRows, type Rows } from "./incoming-rows.ts";
import { expectationProperties } from "./kept-expectations.ts";
import { assertOneOf } from "./option-check.ts";
import { assertPartitionable } from "./partition.ts";
import { commitQuarantine, quarantineStage } from "./quarantine.ts";
import { arrange, newColumns } from "./schema.ts";
import { Stage } from "./stage.ts";
import type { TableState } from "./state.ts";
import { transfer } from "./transfer.ts";

export type { Rows } from "./incoming-rows.ts";

/** What every operation that brings rows takes. */
export interface IntakeOptions extends ChangeOptions, HoldOptions {
  /**
   * `add-columns`: columns that the rows have and the table has not are added to it, nullable; nullable columns that
   * the rows lack become null; values of a narrower type are widened to the table's. `none`: the rows must have the
   * table's columns and types. @default "none"
   */
  readonly evolve?: "add-columns" | "none";
}

export interface IntakeTarget extends HoldTarget {
  readonly schema?: Schema;
  readonly partitionBy?: readonly string[];
}

/** Rows that were taken in: checked, and written to files that no version names yet. */
export interface Intake extends AsyncDisposable {
  /** The columns that the rows were written for: those of the table, with what it is to gain; all of a new table. */
  readonly definition: NewTable;
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

export interface IntakeWatch {
  /** Sees the rows that are written. @default nothing */
  readonly inspect?: (batch: RecordBatch) => void;
  /** The rows of the table that stay beside them. @default all */
  readonly remaining?: Remaining;
}

/** Checks rows and writes them to files; bad ones go to the quarantine first. @throws SCHEMA_MISMATCH, EXPECTATION_FAILED, TABLE_EXPECTATION_FAILED, EXPECTATION_INVALID */
export async function takeIn(
  target: IntakeTarget,
  state: TableState,
  rows: Rows,
  options: IntakeOptions,
  { inspect, remaining }: IntakeWatch = {},
): Promise<Intake> {
  const { context, name } = target;
  const { signal, transaction, evolve = "none" } = options;
  assertOneOf("evolve", evolve, ["none", "add-columns"]);
  await using incoming = await incomingRows(context.codec, rows);
  const evolution = evolve === "none" ? [] : evolved(name, state.definition, incoming.schema);
  const definition = shaped(state.definition ?? newDefinition(target, incoming.schema), evolution);
  const { columns } = definition;
  const holding = { rows: "brought", ...(remaining === undefined ? {} : { remaining }) } as const;
  const { now, inspected } = await holdExpectations(target, state, columns, options, holding);
  const facts = { version: state.version, now, run: options.run ?? crypto.randomUUID() };
  const bad = quarantineStage(context, name, columns);
  await using _ = bad;
  const good = new Stage(context, name, definition);
  try {
    // Rows that somebody wants to see have to come here.
    const files = inspect === undefined ? incoming.files : undefined;
    const isTransferred = files && (await transfer(context.codec, files, good, { ...definition, inspected, signal }));
    for await (const batch of isTransferred === true ? [] : incoming.batches) {
      signal?.throwIfAborted();
      const arranged = arrange(name, columns, evolve === "none" ? batch : fitted(name, columns, batch));
      if (batch.numRows > 0) await sort(inspected, facts, arranged, good, bad, inspect, signal);
    }
    const results = inspected.finish();
    await commitQuarantine(target, bad, columns, { now: context.clock.now(), signal, transaction });
    return {
      definition,
      evolution,
      rows: good.rows,
      quarantined: bad.rows,
      files: await good.finish(signal),
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

const shaped = ({ columns, ...table }: NewTable, evolution: Evolution): NewTable => ({
  ...table,
  columns: [...columns, ...evolution],
});

function newDefinition(target: IntakeTarget, given: Schema | undefined): NewTable {
  const { name, schema, partitionBy = [], expect = [], onViolation } = target;
  if (schema === undefined && given === undefined) {
    throw storageError("SCHEMA_MISMATCH", { table: name, problem: "there is no batch to learn the columns from" });
  }
  const columns =
    schema === undefined ? newColumns(name, given ?? new Schema(), "always") : newColumns(name, schema, "as given");
  assertPartitionable(name, columns, partitionBy);
  const declared = { expect, ...(onViolation === undefined ? {} : { onViolation }) };
  return { columns, partitionBy, configuration: expectationProperties(declared) };
}

/** Sends each row of a batch where it belongs. @throws EXPECTATION_FAILED */
async function sort(
  inspected: Inspection,
  facts: QuarantineFacts,
  batch: RecordBatch,
  good: Stage,
  bad: Stage,
  inspect: IntakeWatch["inspect"],
  signal: AbortSignal | undefined,
): Promise<void> {
  const { kept, quarantined } = inspected.inspect(batch);
  if (quarantined !== undefined) await bad.write(quarantineBatch(quarantined, facts));
  if (kept === undefined) return;
  inspect?.(kept);
  await good.write(kept, signal);
}
