import type { RecordBatch } from "apache-arrow";
import { batchOf, takeRows } from "../parquet/batch.ts";
import { type ColumnTest, type Predicate, testsOf } from "../parquet/predicate.ts";
import { type FilePlan, planOf, readDataFile } from "./data-file.ts";
import { fileMatcher } from "./file-match.ts";
import { readAhead } from "./read-ahead.ts";
import { typesByName } from "./schema.ts";
import { selectedRows } from "./select.ts";
import type { LakeContext } from "./stage.ts";
import type { Definition, TableState } from "./state.ts";

export interface ScanOptions {
  /** @default every column */
  readonly columns?: readonly string[];
  /** Rows for which all conditions hold. Partitions and files that cannot match are not read. @default every row */
  readonly where?: Predicate;
  readonly signal?: AbortSignal;
}

/** Files that are opened before their turn. */
const filesAhead = 2;

/** Streams the rows of one version of a table, file by file. */
export async function* scan(
  context: LakeContext,
  state: TableState,
  options: ScanOptions,
): AsyncGenerator<RecordBatch> {
  const definition = state.definition as Definition;
  const { where = {}, signal } = options;
  const tests = testsOf(where, typesByName(definition.columns)).filter(
    (test) => !definition.partitionBy.includes(test.column),
  );
  const columns = options.columns ?? definition.columns.map((column) => column.name);
  const tested = tests.map((test) => test.column).filter((name) => !columns.includes(name));
  const plan = planOf(state, definition, [...columns, ...new Set(tested)], where);
  const returned = planOf(state, definition, columns);
  const matches = fileMatcher(definition, where);
  const files = [...state.files.values()].filter(matches);
  const batches = readAhead(files, filesAhead, (file) => {
    signal?.throwIfAborted();
    return readDataFile(context, plan, file, signal);
  });
  for await (const batch of batches) {
    const selected = selection(tests, batch, returned);
    if (selected !== undefined) yield selected;
  }
}

/** The matching rows, without the columns that were read for the tests alone; undefined when there are none. */
function selection(tests: readonly ColumnTest[], batch: RecordBatch, { schema }: FilePlan): RecordBatch | undefined {
  const rows = selectedRows(tests, batch);
  if (rows?.length === 0) return undefined;
  const data = batch.data.children.slice(0, schema.fields.length);
  const wanted = data.length === batch.data.children.length ? batch : batchOf(schema, data, batch.numRows);
  return rows === undefined ? wanted : takeRows(wanted, rows);
}
