import type { RecordBatch } from "apache-arrow";
import { storageError } from "../errors.ts";
import { type ColumnTest, type Predicate, type PredicateValue, testsOf } from "../parquet/predicate.ts";
import type { Action, AddFile } from "./actions.ts";
import { append, type AppendResult } from "./append.ts";
import { rowReader } from "./assign.ts";
import { type Base, change, type Planned, removeOf } from "./change.ts";
import { ChangeData } from "./change-data.ts";
import { physicalName } from "./column-mapping.ts";
import { assertCommittable, isRepeated } from "./commit.ts";
import { assertOneOf } from "./option-check.ts";
import { shapeOf } from "./conflict.ts";
import { columnNamed } from "./data-file.ts";
import { predicateText, removeRows } from "./delete.ts";
import { metadataAction } from "./evolve.ts";
import { type Intake, type IntakeOptions, type IntakeTarget, type Rows, takeIn } from "./intake.ts";
import { noRows, type Remaining, unknownRows } from "./held.ts";
import { decodeValue } from "./partition.ts";
import { countRows, rowsWithout, wholeFile } from "./rewrite.ts";
import { typesByName } from "./schema.ts";
import { complement, selectedRows } from "./select.ts";
import type { Definition, TableState } from "./state.ts";

export interface OverwriteOptions extends IntakeOptions {
  /** Only the rows for which all conditions hold are replaced, and every new row must be such a one. @default every row */
  readonly where?: Predicate;
  /** `touched`: only the partitions that the new rows fall into are replaced. @default "all" */
  readonly partitions?: "all" | "touched";
}

export interface OverwriteResult extends AppendResult {
  /** Rows that were replaced. */
  readonly deleted: number;
  /** Rows written again, because they stood in a file with a replaced one. */
  readonly copied: number;
  readonly filesRemoved: number;
}

type Counts = Omit<OverwriteResult, "version"> & Record<string, number>;

const names = {
  rows: "numOutputRows",
  files: "numFiles",
  quarantined: "numQuarantinedRows",
  deleted: "numDeletedRows",
  copied: "numCopiedRows",
  filesRemoved: "numRemovedFiles",
} as const;

/** Replaces rows. See `LakeTable.overwrite`. */
export async function overwrite(target: IntakeTarget, rows: Rows, options: OverwriteOptions): Promise<OverwriteResult> {
  const { context, name } = target;
  const { where, partitions = "all", signal } = options;
  assertCommittable(options);
  assertOneOf("partitions", partitions, ["all", "touched"]);
  if (where !== undefined && partitions === "touched") {
    const rule = "it cannot be combined with where, which names the rows to replace itself";
    throw storageError("OPTION_INVALID", { option: "partitions", value: '"touched"', rule });
  }
  const { state } = await context.states.read(name, signal ? { signal } : {});
  const { definition } = state;
  if (definition === undefined && where === undefined) {
    return { ...(await append(target, rows, options)), deleted: 0, copied: 0, filesRemoved: 0 };
  }
  if (definition === undefined) throw storageError("TABLE_NOT_FOUND", { table: name });
  if (partitions === "touched" && definition.partitionBy.length === 0) {
    const rule = `the table "${name}" has no partitions`;
    throw storageError("OPTION_INVALID", { option: "partitions", value: '"touched"', rule });
  }
  const repeated = isRepeated(state, options.transaction);
  const tests = testsOf(where ?? {}, typesByName(definition.columns));
  const inspect = (batch: RecordBatch): void => assertMatching(name, tests, batch);
  const remaining = remainingRows(context, state, definition, options);
  const watch = { remaining, ...(tests.length === 0 ? {} : { inspect }) };
  await using intake = repeated ? undefined : await takeIn(target, state, rows, options, watch);
  const commitInfo = { ...intake?.info, ...options.commitInfo };
  return await change<Counts>(target, { ...options, commitInfo }, names, async (base) => {
    if (intake === undefined) throw repeatedNoMore(name, base);
    base.stages.adopt(intake);
    return planned(target, options, base, definition, intake);
  });
}

/** The rows that an overwrite leaves beside its own. */
function remainingRows(
  context: IntakeTarget["context"],
  state: TableState,
  definition: Definition,
  { where, partitions, signal }: OverwriteOptions,
): Remaining {
  if (where !== undefined) return (columns) => rowsWithout(context, state, definition, where, columns, signal);
  if (partitions !== "touched") return noRows;
  return (columns) => {
    // Rows that are alike in the partition columns too are in a partition that is replaced.
    if (definition.partitionBy.every((name) => columns.includes(name))) return noRows();
    const remedy = "Add the partition columns to it, or replace the partitions with where.";
    throw unknownRows(state.table, `on [${columns.join(", ")}] within the table`, remedy);
  };
}

/** The state that held the transaction is gone: the table was removed and made anew between two reads. */
function repeatedNoMore(table: string, { state }: Base): Error {
  const reason = "the table was made anew meanwhile";
  const { version } = state;
  return storageError("COMMIT_CONFLICT", { table, operation: "WRITE", version, kind: "metadataChanged", reason });
}

async function planned(
  { context, name }: IntakeTarget,
  { where, partitions }: OverwriteOptions,
  base: Base,
  before: Definition,
  intake: Intake,
): Promise<Planned<Counts>> {
  if (shapeOf(before) !== shapeOf(base.definition)) {
    const reason = "its columns or partitions are not those the rows were written for";
    const { version } = base.state;
    throw storageError("COMMIT_CONFLICT", {
      table: name,
      operation: "WRITE",
      version,
      kind: "metadataChanged",
      reason,
    });
  }
  const { evolution, files, quarantined } = intake;
  const metadata =
    evolution.length === 0 ? [] : [metadataAction({ ...base.definition, columns: intake.definition.columns })];
  const removal =
    where === undefined
      ? await removeFiles(context, base, partitions === "touched" ? intake : undefined)
      : await replaceRows(context, base, where, intake);
  const { actions, read, deleted, copied, filesRemoved } = removal;
  const adds = files.map((add) => ({ add }));
  return {
    operation: "WRITE",
    parameters: {
      mode: "Overwrite",
      partitionBy: JSON.stringify(base.definition.partitionBy),
      ...(where === undefined ? {} : { predicate: predicateText(where) }),
    },
    metrics: { rows: intake.rows, files: files.length, quarantined, deleted, copied, filesRemoved },
    actions: [...metadata, ...actions, ...adds],
    read,
    dataChange: true,
  };
}

type Removal = Pick<Counts, "deleted" | "copied" | "filesRemoved"> & Pick<Planned<Counts>, "actions" | "read">;

/** Takes out the matching rows; when that writes change data, the new rows have to stand there too. */
async function replaceRows(
  context: IntakeTarget["context"],
  base: Base,
  where: Predicate,
  intake: Intake,
): Promise<Removal> {
  const changes = new ChangeData(base);
  const { actions, ...removal } = await removeRows(context, base, where, changes);
  if (changes.enabled) {
    for (const file of intake.files) {
      for await (const batch of wholeFile(context, base, file)) await changes.write("insert", batch);
    }
  }
  return { ...removal, actions: [...actions, ...(await changes.finish(base.signal))] };
}

/** Takes out whole files: all, or those of the partitions that new files are in. */
async function removeFiles(
  context: IntakeTarget["context"],
  { state, definition, now }: Base,
  within: Intake | undefined,
): Promise<Removal> {
  const partitionOf = partitionReader(definition);
  const touched = within && new Set(within.files.map(partitionOf));
  const files = [...state.files.values()].filter((file) => touched === undefined || touched.has(partitionOf(file)));
  let deleted = 0;
  for (const file of files) deleted += await countRows(context, state, file);
  const actions: Action[] = files.map((file) => ({ remove: removeOf(file, now) }));
  const where = within === undefined ? {} : partitionsPredicate(definition, within.files);
  const read = { files: new Set(files.map((file) => file.path)), where };
  return { actions, read, deleted, copied: 0, filesRemoved: files.length };
}

/** Names the partition of a file, the same for every form of its log entry. */
export function partitionReader({
  columns,
  partitionBy,
}: Pick<Definition, "columns" | "partitionBy">): (file: AddFile) => string {
  const physical = partitionBy.map((name) => physicalName(columnNamed(columns, name)));
  return ({ partitionValues }) => JSON.stringify(physical.map((name) => partitionValues[name] || null));
}

/** A predicate that every row in the partitions of the files matches. */
function partitionsPredicate({ columns, partitionBy }: Definition, files: readonly AddFile[]): Predicate {
  const conditions = partitionBy.flatMap((name) => {
    const column = columnNamed(columns, name);
    const values = files.map((file) => decodeValue(column.type, file.partitionValues[physicalName(column)] ?? null));
    const comparable = values.filter((value) => isComparable(column.type, value));
    return comparable.length < values.length ? [] : [[name, { in: [...new Set(comparable)] }] as const];
  });
  return Object.fromEntries(conditions);
}

/** Nulls, decimals and NaN are not compared with `in`: their partitions are then told apart by the other columns alone. */
function isComparable(type: unknown, value: unknown): value is PredicateValue {
  const kind = typeof value;
  return (
    kind === "string" ||
    (kind === "number" && !Number.isNaN(value)) ||
    kind === "boolean" ||
    (kind === "bigint" && !String(type).startsWith("decimal"))
  );
}

/** @throws REPLACE_MISMATCH */
function assertMatching(table: string, tests: readonly ColumnTest[], batch: RecordBatch): void {
  const matching = selectedRows(tests, batch);
  if (matching === undefined) return;
  const others = complement(batch.numRows, matching);
  const row = rowReader(batch)(others[0] ?? 0);
  const shown = tests.map(({ column }) => `${column} = ${String(row[column])}`).join(", ");
  throw storageError("REPLACE_MISMATCH", { table, rows: others.length, example: shown });
}
