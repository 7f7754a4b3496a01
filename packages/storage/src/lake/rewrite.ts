import type { RecordBatch } from "apache-arrow";
import { takeRows } from "../parquet/batch.ts";
import { assertPredicate, type ColumnTest, type Predicate, testsOf } from "../parquet/predicate.ts";
import type { AddFile } from "./actions.ts";
import type { Base } from "./change.ts";
import { columnNamed, openData, planOf, readDataFile } from "./data-file.ts";
import { fileMatcher } from "./file-match.ts";
import { typesByName } from "./schema.ts";
import { complement, selectedRows } from "./select.ts";
import type { LakeContext } from "./stage.ts";
import type { Definition, TableState } from "./state.ts";
import { parseStatistics } from "./statistics.ts";

/** The size to which operations that write files anew let them grow. */
export const defaultFileSize: number = 128 * 1024 * 1024;

/** A file with rows that a predicate matches. */
export interface TouchedFile {
  readonly file: AddFile;
  /** Rows that are not deleted. */
  readonly rows: number;
  readonly matched: number;
}

/** The files that hold a row for which the predicate holds, and how many. Only tested columns are read. */
export async function touchedFiles(context: LakeContext, base: Base, where: Predicate): Promise<TouchedFile[]> {
  const { state, definition, signal } = base;
  const tests = fileTests(base, where);
  const columns = tests.map((test) => test.column);
  const plan = planOf(state, definition, columns, where);
  const matches = fileMatcher(definition, where);
  const touched: TouchedFile[] = [];
  for (const file of state.files.values()) {
    signal?.throwIfAborted();
    if (!matches(file)) continue;
    const rows = await countRows(context, state, file);
    let matched = tests.length === 0 ? rows : 0;
    if (tests.length > 0) {
      for await (const batch of readDataFile(context, plan, file, signal)) {
        matched += selectedRows(tests, batch)?.length ?? batch.numRows;
      }
    }
    if (matched > 0) touched.push({ file, rows, matched });
  }
  return touched;
}

/** The tests that a file's partition has not decided already. @throws COLUMN_UNKNOWN, PREDICATE_INVALID */
export function fileTests({ definition }: Pick<Base, "definition">, where: Predicate): ColumnTest[] {
  assertPredicate(where);
  for (const name of Object.keys(where)) columnNamed(definition.columns, name);
  const tests = testsOf(where, typesByName(definition.columns));
  return tests.filter((test) => !definition.partitionBy.includes(test.column));
}

/** Columns of the rows of a table for which a predicate does not hold. */
export async function* rowsWithout(
  context: LakeContext,
  state: TableState,
  definition: Definition,
  where: Predicate,
  columns: readonly string[],
  signal?: AbortSignal,
): AsyncGenerator<RecordBatch> {
  const tests = fileTests({ definition }, where);
  const plan = planOf(state, definition, [...new Set([...columns, ...tests.map((test) => test.column)])]);
  const matches = fileMatcher(definition, where);
  for (const file of state.files.values()) {
    const mayMatch = matches(file);
    for await (const batch of readDataFile(context, plan, file, signal)) {
      const others = mayMatch ? splitRows(tests, batch).others : batch;
      if (others !== undefined) yield others;
    }
  }
}

/** Rows of a file that are not deleted; a file without statistics is opened. */
export async function countRows(context: LakeContext, state: TableState, file: AddFile): Promise<number> {
  const deleted = file.deletionVector?.cardinality ?? 0;
  const counted = parseStatistics(file.stats).rows;
  if (counted !== undefined) return counted - deleted;
  await using reader = await openData(context, state, file);
  return reader.rows - deleted;
}

/** All columns of the rows of a file, batch by batch. */
export function wholeFile(context: LakeContext, base: Base, file: AddFile): AsyncGenerator<RecordBatch> {
  return readDataFile(context, planOf(base.state, base.definition), file, base.signal);
}

/** The rows of a batch that the tests select, and the others; undefined where there are none. */
export function splitRows(
  tests: readonly ColumnTest[],
  batch: RecordBatch,
): { readonly matched?: RecordBatch; readonly others?: RecordBatch } {
  const rows = selectedRows(tests, batch);
  if (rows === undefined) return { matched: batch };
  if (rows.length === 0) return { others: batch };
  return { matched: takeRows(batch, rows), others: takeRows(batch, complement(batch.numRows, rows)) };
}

/** About how many rows of these files make a file of a size. */
export function rowsForSize(files: readonly TouchedFile[], size: number): number {
  const bytes = files.reduce((sum, { file }) => sum + file.size, 0);
  const rows = files.reduce((sum, { rows: own }) => sum + own, 0);
  return bytes === 0 ? Infinity : Math.max(1, Math.floor((size * rows) / bytes));
}

/** What was read to decide on a rewrite. */
export function readOf(
  files: readonly TouchedFile[],
  where: Predicate,
): { readonly files: ReadonlySet<string>; readonly where: Predicate } {
  return { files: new Set(files.map(({ file }) => file.path)), where };
}
