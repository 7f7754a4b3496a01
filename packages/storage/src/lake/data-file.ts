import { isAshlarError } from "@ashlar/core";
import { type Data, type RecordBatch, Schema } from "apache-arrow";
import { storageError } from "../errors.ts";
import { arrowField } from "../parquet/arrow-type.ts";
import { batchOf, constantData, takeRows } from "../parquet/batch.ts";
import { type ColumnType, typeText, type Value } from "../parquet/column-type.ts";
import { typesOf } from "../parquet/footer.ts";
import type { ParquetReader } from "../parquet/port.ts";
import { assertPredicate, type Predicate } from "../parquet/predicate.ts";
import { sourceOfObject } from "../parquet/source.ts";
import type { AddFile, DeletionVectorDescriptor } from "./actions.ts";
import { physicalName } from "./column-mapping.ts";
import { firstFrom, readDeletionVector, undeletedRows } from "./deletion-vector.ts";
import { fromFile, readsAs } from "./file-column.ts";
import { decodedPath } from "./logical-file.ts";
import { decodeValue } from "./partition.ts";
import type { TableColumn } from "./schema.ts";
import type { LakeContext } from "./stage.ts";
import type { Definition, TableState } from "./state.ts";
import { parseStatistics } from "./statistics.ts";

/** A file as it stands in the log, of data or of changes. */
export interface LoggedFile extends Pick<AddFile, "path" | "partitionValues" | "stats" | "deletionVector"> {
  /** Bytes, where the log says so. */
  readonly size?: number;
  /** Only the rows that this vector deletes, and `deletionVector` does not. */
  readonly onlyDeletedBy?: DeletionVectorDescriptor;
}

/** What is read of each file, decided before the first is opened. */
export interface FilePlan {
  readonly table: string;
  readonly version: number;
  /** The columns to return, in order. */
  readonly columns: readonly TableColumn[];
  readonly schema: Schema;
  readonly partitionBy: ReadonlySet<string>;
  /** Narrows what is read, by the names in the files: rows that do not match may still come. */
  readonly where: Predicate;
}

/** @throws COLUMN_UNKNOWN, OPTION_INVALID */
export function planOf(
  state: Pick<TableState, "table" | "version">,
  definition: Definition,
  names?: readonly string[],
  where: Predicate = {},
): FilePlan {
  assertPredicate(where);
  const columns = names?.map((name) => columnNamed(definition.columns, name)) ?? definition.columns;
  const partitionBy = new Set(definition.partitionBy);
  const inFile = Object.entries(where).filter(([name]) => !partitionBy.has(name));
  return {
    table: state.table,
    version: state.version,
    columns,
    schema: new Schema(columns.map(({ name, type }) => arrowField(name, type))),
    partitionBy,
    where: Object.fromEntries(
      inFile.map(([name, condition]) => [physicalName(columnNamed(definition.columns, name)), condition]),
    ),
  };
}

/** @throws COLUMN_UNKNOWN */
export function columnNamed(columns: readonly TableColumn[], name: string): TableColumn {
  const column = columns.find((candidate) => candidate.name === name);
  if (column !== undefined) return column;
  throw storageError("COLUMN_UNKNOWN", { column: name, known: columns.map((known) => known.name) });
}

/** The key of a file of the log. @throws FILE_OUTSIDE */
export function dataKey(table: string, file: { readonly path: string }): string {
  const path = decodedPath(file.path);
  if (/^([a-z][\w+.-]*:|\/)/i.test(path) || path.split("/").includes("..")) {
    throw storageError("FILE_OUTSIDE", { table, path });
  }
  return `${table}/${path}`;
}

/** The rows of a file that are not deleted, in the order of the file. @throws DATA_FILE_MISSING, DATA_FILE_CORRUPT, FILE_OUTSIDE */
export async function* readDataFile(
  context: LakeContext,
  plan: FilePlan,
  file: LoggedFile,
  signal?: AbortSignal,
): AsyncGenerator<RecordBatch> {
  const key = dataKey(plan.table, file);
  const values = partitionValues(key, plan, file);
  const keep = await rowKeeper(context, plan, file, signal);
  await using reader = await openData(context, plan, file);
  const present = typesOf(reader.schema);
  const inFile = plan.columns.filter((column) => !values.has(column.name) && present.has(physicalName(column)));
  for (const column of inFile) assertType(key, column, present.get(physicalName(column)));
  // Rows are told apart by their place in the file, so that none may be left out before the deleted ones are.
  const where = keep === undefined ? narrowing(plan, present) : {};
  const columns = inFile.map(physicalName);
  const constant = constants(values);
  try {
    let place = 0;
    for await (const batch of reader.scan({ columns, where, ...(signal ? { signal } : {}) })) {
      const kept = keep?.(place, batch.numRows);
      place += batch.numRows;
      if (kept?.length === 0 || batch.numRows === 0) continue;
      yield complete(kept === undefined ? batch : takeRows(batch, kept), inFile, constant, plan);
    }
  } catch (cause) {
    if (!isAshlarError(cause, "PARQUET_CORRUPT")) throw cause;
    throw storageError("DATA_FILE_CORRUPT", { file: key, reason: cause.message }, { cause });
  }
}

/** Conditions that a codec can apply: on columns that are in the file, in the type of the table. */
function narrowing(plan: FilePlan, present: ReadonlyMap<string, ColumnType>): Predicate {
  const types = new Map(plan.columns.map((column) => [physicalName(column), column.type]));
  const fits = ([name]: readonly [string, unknown]): boolean =>
    present.has(name) && typeText(types.get(name) ?? "binary") === typeText(present.get(name) ?? "binary");
  return Object.fromEntries(Object.entries(plan.where).filter(fits));
}

/** Which rows of a stretch of a file are kept; undefined for a file that keeps all. */
async function rowKeeper(
  context: LakeContext,
  { table, version }: FilePlan,
  { deletionVector, onlyDeletedBy, ...file }: LoggedFile,
  signal: AbortSignal | undefined,
): Promise<((place: number, rows: number) => Int32Array | undefined) | undefined> {
  const owner = { table, version, file: dataKey(table, file) };
  const rowsOf = async (vector: DeletionVectorDescriptor | undefined): Promise<readonly number[]> =>
    vector === undefined ? [] : await readDeletionVector(context.objects, owner, vector, signal);
  const deleted = await rowsOf(deletionVector);
  if (onlyDeletedBy === undefined)
    return deleted.length === 0 ? undefined : (...part) => undeletedRows(deleted, ...part);
  const own = new Set(deleted);
  const only = (await rowsOf(onlyDeletedBy)).filter((row) => !own.has(row));
  return (place, rows) => {
    const part = only.slice(firstFrom(only, place), firstFrom(only, place + rows));
    return Int32Array.from(part, (row) => row - place);
  };
}
type PartitionValues = ReadonlyMap<string, Value | null>;

function partitionValues(key: string, plan: FilePlan, file: LoggedFile): PartitionValues {
  const partitioned = plan.columns.filter((column) => plan.partitionBy.has(column.name));
  return new Map(partitioned.map((column) => [column.name, partitionValue(key, column, file)] as const));
}

/** The value of a partition column in a file of the log. @throws DATA_FILE_CORRUPT */
export function partitionValue(
  key: string,
  column: TableColumn,
  file: Pick<LoggedFile, "partitionValues">,
): Value | null {
  const text = file.partitionValues[physicalName(column)] ?? null;
  const value = decodeValue(column.type, text);
  if (value !== undefined) return value;
  const reason = `its partition value ${JSON.stringify(text)} is not a ${typeText(column.type)}`;
  throw storageError("DATA_FILE_CORRUPT", { file: key, reason });
}

/** Opens a file that must be as the log says. @throws DATA_FILE_MISSING, DATA_FILE_CORRUPT */
export async function openData(
  context: LakeContext,
  { table, version }: { readonly table: string; readonly version: number },
  file: LoggedFile,
): Promise<ParquetReader> {
  const key = dataKey(table, file);
  const info = await context.objects.head(key);
  if (info === undefined) throw storageError("DATA_FILE_MISSING", { file: key, version });
  const corrupt = (reason: string, cause?: unknown): Error =>
    storageError("DATA_FILE_CORRUPT", { file: key, reason }, cause === undefined ? {} : { cause });
  if (file.size !== undefined && info.size !== file.size)
    throw corrupt(`it has ${info.size} bytes, the log says ${file.size}`);
  const reader = await openReader(context, key, version, corrupt);
  const rows = parseStatistics(file.stats).rows;
  if (rows === undefined || rows === reader.rows) return reader;
  await reader[Symbol.asyncDispose]();
  throw corrupt(`it has ${reader.rows} rows, the log says ${rows}`);
}

async function openReader(
  context: LakeContext,
  key: string,
  version: number,
  corrupt: (reason: string, cause: unknown) => Error,
): Promise<ParquetReader> {
  try {
    return await context.codec.open(await sourceOfObject(context.objects, key));
  } catch (cause) {
    if (isAshlarError(cause, "PARQUET_CORRUPT")) throw corrupt(cause.message, cause);
    if (isAshlarError(cause, "OBJECT_NOT_FOUND"))
      throw storageError("DATA_FILE_MISSING", { file: key, version }, { cause });
    throw cause;
  }
}

/** A type that the column's cannot be read from is damage. */
function assertType(file: string, { name, type }: TableColumn, found: ColumnType | undefined): void {
  if (found === undefined || readsAs(found, type)) return;
  const reason = `its column "${name}" is ${typeText(found)}, the table says ${typeText(type)}`;
  throw storageError("DATA_FILE_CORRUPT", { file, reason });
}

/** Columns of one value; batches of a file are mostly of one length, so that each is made once. */
function constants(values: PartitionValues): (column: TableColumn, rows: number) => Data {
  const made = new Map<TableColumn, Data>();
  return (column, rows) => {
    const known = made.get(column);
    if (known?.length === rows) return known;
    const data = constantData(column.type, values.get(column.name) ?? null, rows);
    made.set(column, data);
    return data;
  };
}

/** The columns of the plan: from the file, from its partition, or null where the file is older than the column. */
function complete(
  batch: RecordBatch,
  inFile: readonly TableColumn[],
  constant: (column: TableColumn, rows: number) => Data,
  plan: FilePlan,
): RecordBatch {
  const found = typesOf(batch.schema);
  const data = plan.columns.map((column): Data => {
    const at = inFile.indexOf(column);
    if (at < 0) return constant(column, batch.numRows);
    const own = batch.data.children[at] as Data;
    const type = found.get(physicalName(column)) ?? column.type;
    return fromFile(own, type, column.type);
  });
  return batchOf(plan.schema, data, batch.numRows);
}
