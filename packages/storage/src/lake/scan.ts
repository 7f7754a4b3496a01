import { isAshlarError } from "@ashlar/core";
import { type Data, type RecordBatch, Schema } from "apache-arrow";
import { storageError } from "../errors.ts";
import { batchOf, constantData, takeRows } from "../parquet/batch.ts";
import { arrowField, type ColumnType, type Scalar } from "../parquet/column-type.ts";
import { columnsOf } from "../parquet/column.ts";
import { typesOf } from "../parquet/footer.ts";
import type { ParquetReader } from "../parquet/port.ts";
import { type ColumnTest, matchingRows, type Predicate, testsOf } from "../parquet/predicate.ts";
import { sourceOfObject } from "../parquet/source.ts";
import type { AddFile } from "./actions.ts";
import { decodeValue } from "./partition.ts";
import { typesByName } from "./schema.ts";
import type { LakeContext } from "./stage.ts";
import type { Definition, TableState } from "./state.ts";
import { parseStatistics } from "./statistics.ts";

export interface ScanOptions {
  /** @default every column */
  readonly columns?: readonly string[];
  /** Rows for which all conditions hold. Partitions and files that cannot match are not read. @default every row */
  readonly where?: Predicate;
  readonly signal?: AbortSignal;
}

/** What a scan reads of each file, decided before the first is opened. */
interface Plan {
  readonly types: ReadonlyMap<string, ColumnType>;
  /** The columns to return, in order. */
  readonly columns: readonly string[];
  readonly schema: Schema;
  readonly partitionBy: ReadonlySet<string>;
  /** Tests on columns that stand in the files. */
  readonly tests: readonly ColumnTest[];
  readonly where: Predicate;
}

/** Streams the rows of one version of a table. */
export async function* scan(
  context: LakeContext,
  state: TableState,
  options: ScanOptions,
): AsyncGenerator<RecordBatch> {
  const definition = state.definition as Definition;
  const types = typesByName(definition.columns);
  const columns = options.columns ?? [...types.keys()];
  const tests = testsOf(options.where ?? {}, types);
  const partitionBy = new Set(definition.partitionBy);
  const inFile = tests.filter((test) => !partitionBy.has(test.column));
  const plan: Plan = {
    types,
    columns,
    schema: new Schema(columns.map((name) => arrowField(name, typeOf(types, name)))),
    partitionBy,
    tests: inFile,
    where: Object.fromEntries(inFile.map((test) => [test.column, options.where?.[test.column] ?? {}])),
  };
  for (const file of state.files.values()) {
    options.signal?.throwIfAborted();
    const values = partitionValues(state, file, plan);
    if (!mayMatch(file, tests, values)) continue;
    yield* scanFile(context, state, file, values, plan, options.signal);
  }
}

function typeOf(types: ReadonlyMap<string, ColumnType>, column: string): ColumnType {
  const type = types.get(column);
  if (type === undefined) throw storageError("COLUMN_UNKNOWN", { column, known: [...types.keys()] });
  return type;
}

export function dataKey(table: string, file: AddFile): string {
  return `${table}/${decodeURIComponent(file.path)}`;
}

type PartitionValues = ReadonlyMap<string, Scalar | null>;

function partitionValues(state: TableState, file: AddFile, plan: Plan): PartitionValues {
  return new Map(
    Array.from(plan.partitionBy, (name) => {
      const text = file.partitionValues[name] ?? null;
      const value = decodeValue(typeOf(plan.types, name), text);
      if (value === undefined) {
        const reason = `its partition value ${JSON.stringify(text)} is not a ${plan.types.get(name)}`;
        throw storageError("DATA_FILE_CORRUPT", { file: dataKey(state.table, file), reason });
      }
      return [name, value] as const;
    }),
  );
}

function mayMatch(file: AddFile, tests: readonly ColumnTest[], values: PartitionValues): boolean {
  const statistics = parseStatistics(file.stats);
  return tests.every((test) => {
    const value = values.get(test.column);
    return value === undefined ? test.mayMatch(statistics.boundsOf(test.column, test.type)) : test.matches(value);
  });
}

async function* scanFile(
  context: LakeContext,
  state: TableState,
  file: AddFile,
  values: PartitionValues,
  plan: Plan,
  signal: AbortSignal | undefined,
): AsyncGenerator<RecordBatch> {
  const key = dataKey(state.table, file);
  await using reader = await openData(context, state, file);
  const present = typesOf(reader.schema);
  const needed = new Set([...plan.columns, ...plan.tests.map((test) => test.column)]);
  const columns = [...needed].filter((name) => present.has(name) && !values.has(name));
  for (const name of columns) assertType(key, name, present.get(name), plan.types.get(name));
  const where = Object.fromEntries(Object.entries(plan.where).filter(([name]) => present.has(name)));
  try {
    for await (const batch of reader.scan({ columns, where, ...(signal ? { signal } : {}) })) {
      const rows = matching(batch, plan.tests);
      if (rows?.length === 0) continue;
      yield complete(rows === undefined ? batch : takeRows(batch, rows), values, plan);
    }
  } catch (cause) {
    if (!isAshlarError(cause, "PARQUET_CORRUPT")) throw cause;
    throw storageError("DATA_FILE_CORRUPT", { file: key, reason: cause.message }, { cause });
  }
}

/** Opens a data file that must be as the log says. @throws DATA_FILE_MISSING, DATA_FILE_CORRUPT */
export async function openData(context: LakeContext, state: TableState, file: AddFile): Promise<ParquetReader> {
  const key = dataKey(state.table, file);
  const info = await context.objects.head(key);
  if (info === undefined) throw storageError("DATA_FILE_MISSING", { file: key, version: state.version });
  const corrupt = (reason: string, cause?: unknown): Error =>
    storageError("DATA_FILE_CORRUPT", { file: key, reason }, cause === undefined ? {} : { cause });
  if (info.size !== file.size) throw corrupt(`it has ${info.size} bytes, the log says ${file.size}`);
  const reader = await openReader(context, key, corrupt);
  const rows = parseStatistics(file.stats).rows;
  if (rows === undefined || rows === reader.rows) return reader;
  await reader[Symbol.asyncDispose]();
  throw corrupt(`it has ${reader.rows} rows, the log says ${rows}`);
}

async function openReader(
  context: LakeContext,
  key: string,
  corrupt: (reason: string, cause: unknown) => Error,
): Promise<ParquetReader> {
  try {
    return await context.codec.open(await sourceOfObject(context.objects, key));
  } catch (cause) {
    if (isAshlarError(cause, "PARQUET_CORRUPT")) throw corrupt(cause.message, cause);
    throw cause;
  }
}

/** A naive timestamp in a file is read as UTC; any other difference of types is damage. */
function assertType(
  file: string,
  column: string,
  found: ColumnType | undefined,
  expected: ColumnType | undefined,
): void {
  if (found === expected || (found === "timestamp_ntz" && expected === "timestamp")) return;
  const reason = `its column "${column}" is ${found}, the table says ${expected}`;
  throw storageError("DATA_FILE_CORRUPT", { file, reason });
}

/** Undefined when every row matches. */
function matching(batch: RecordBatch, tests: readonly ColumnTest[]): Int32Array | undefined {
  if (tests.length === 0) return undefined;
  const columns = new Map(columnsOf(batch).map((column) => [column.name, column]));
  const rows = matchingRows(tests, columns, batch.numRows);
  return rows.length === batch.numRows ? undefined : rows;
}

/** The columns asked for: from the file, from its partition, or null where the file is older than the column. */
function complete(batch: RecordBatch, values: PartitionValues, plan: Plan): RecordBatch {
  const at = new Map(batch.schema.fields.map((field, index) => [field.name, index]));
  const data = plan.schema.fields.map((field): Data => {
    const index = at.get(field.name);
    if (index === undefined) {
      return constantData(typeOf(plan.types, field.name), values.get(field.name) ?? null, batch.numRows);
    }
    return (batch.data.children[index] as Data).clone(field.type);
  });
  return batchOf(plan.schema, data, batch.numRows);
}
