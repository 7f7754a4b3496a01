import { type RecordBatch, Schema } from "apache-arrow";
import { storageError } from "../errors.ts";
import { arrowField } from "../parquet/arrow-type.ts";
import { batchOf, constantData } from "../parquet/batch.ts";
import type { Action, AddCdcFile, AddFile, RemoveFile } from "./actions.ts";
import { type ChangeType, changeTypeColumn, isFeedColumn } from "./change-data.ts";
import { columnNamed, type LoggedFile, planOf, readDataFile } from "./data-file.ts";
import { VersionTimes } from "./in-commit-timestamp.ts";
import type { TableLog } from "./log.ts";
import { decodedPath } from "./logical-file.ts";
import { readAhead } from "./read-ahead.ts";
import type { LakeContext } from "./stage.ts";
import type { Definition, TableState } from "./state.ts";

export interface ChangesOptions {
  /** The first version whose changes are read. */
  readonly from: number;
  /** The last one. @default the latest */
  readonly to?: number;
  /** Columns of the table. @default all */
  readonly columns?: readonly string[];
  readonly signal?: AbortSignal;
}

/** Rows of one kind of change. */
interface ChangedFile {
  readonly file: LoggedFile;
  /** Undefined where the file itself says it of each row. */
  readonly type: ChangeType | undefined;
  readonly version: number;
  /** Epoch milliseconds. */
  readonly timestamp: number;
}

/**
 * Streams the changed rows of a range of versions, version after version: "Change Data Files" of the Delta protocol.
 * The columns are those of the table at the last version, then `_change_type`, `_commit_version` and
 * `_commit_timestamp`.
 */
export async function* changes(
  context: LakeContext,
  log: TableLog,
  state: TableState,
  { from, columns, signal }: ChangesOptions,
): AsyncGenerator<RecordBatch> {
  const definition = state.definition as Definition;
  const names = columns ?? definition.columns.map((column) => column.name);
  for (const name of names) {
    columnNamed(definition.columns, name);
    if (!isFeedColumn(name)) continue;
    const rule = "the feed has a column of that name of its own: leave it out, or rename it";
    throw storageError("OPTION_INVALID", { option: "columns", value: JSON.stringify(name), rule });
  }
  const files = await changedFiles(log, state, from, signal);
  const plain = planOf(state, definition, names);
  const withType = planOf(state, { ...definition, columns: [...definition.columns, changeTypeColumn] }, [
    ...names,
    changeTypeColumn.name,
  ]);
  yield* readAhead(files, 2, async function* (changed) {
    signal?.throwIfAborted();
    const plan = changed.type === undefined ? withType : plain;
    for await (const batch of readDataFile(context, plan, changed.file, signal)) yield complete(batch, changed);
  });
}

/** @throws VERSION_NOT_FOUND when the log no longer has a version */
async function changedFiles(
  log: TableLog,
  { table, version: to, definition }: TableState,
  from: number,
  signal: AbortSignal | undefined,
): Promise<ChangedFile[]> {
  const { commits } = await log.list({ until: to, ...(signal ? { signal } : {}) });
  const times = new VersionTimes(log, definition as Definition, commits);
  const notFound = (version: number): Error =>
    storageError("VERSION_NOT_FOUND", { table, version, earliest: commits[0]?.version ?? to, latest: to });
  if (!(from >= 0 && from <= to)) throw notFound(from);
  const files: ChangedFile[] = [];
  for (let version = from; version <= to; version++) {
    if (!commits.some((commit) => commit.version === version)) throw notFound(version);
    const actions = await log.read(version, signal);
    const timestamp = times.of(version, actions) ?? Number.NaN;
    const changed = changesOf(actions);
    files.push(...changed.map((change) => ({ ...change, version, timestamp })));
  }
  return files;
}

type Change = Pick<ChangedFile, "file" | "type">;

/** A version with change data is told by it alone; any other by the files that came and went. */
function changesOf(actions: readonly Action[]): Change[] {
  const cdc = actions.flatMap((action) => action.cdc ?? []);
  if (cdc.length > 0) return cdc.map((file: AddCdcFile) => ({ file, type: undefined }));
  const added = actions.flatMap(({ add }) => (add?.dataChange === true ? [add] : []));
  const removed = actions.flatMap(({ remove }) => (remove?.dataChange === true ? [remove] : []));
  const again = new Map(added.map((file) => [decodedPath(file.path), file]));
  const gone = new Set(removed.map((file) => decodedPath(file.path)));
  return [
    ...removed.flatMap((file) => removal(file, again.get(decodedPath(file.path)))),
    ...added.filter((file) => !gone.has(decodedPath(file.path))).map((file): Change => ({ file, type: "insert" })),
  ];
}

/** A file that goes, or that comes again with other deleted rows: then those rows alone have changed. */
function removal(file: RemoveFile, again: AddFile | undefined): Change[] {
  const before: LoggedFile = { ...file, partitionValues: file.partitionValues ?? {} };
  if (again === undefined) return [{ file: before, type: "delete" }];
  const [old, now] = [file.deletionVector, again.deletionVector];
  return [
    ...(now === undefined ? [] : [{ file: { ...before, onlyDeletedBy: now }, type: "delete" } as const]),
    ...(old === undefined ? [] : [{ file: { ...again, onlyDeletedBy: old }, type: "insert" } as const]),
  ];
}

function complete(batch: RecordBatch, { type, version, timestamp }: ChangedFile): RecordBatch {
  const rows = batch.numRows;
  const typed = type === undefined ? [] : [constantData("string", type, rows)];
  const data = [
    ...batch.data.children,
    ...typed,
    constantData("long", BigInt(version), rows),
    constantData("timestamp", BigInt(timestamp) * 1000n, rows),
  ];
  const own = type === undefined ? [] : [arrowField(changeTypeColumn.name, "string")];
  const commit = [arrowField("_commit_version", "long"), arrowField("_commit_timestamp", "timestamp")];
  return batchOf(new Schema([...batch.schema.fields, ...own, ...commit]), data, rows);
}
