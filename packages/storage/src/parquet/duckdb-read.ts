import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import type { RecordBatch, Schema } from "apache-arrow";
import { isAshlarError } from "@ashlar/core";
import { storageError } from "../errors.ts";
import { batchOf } from "./batch.ts";
import { type Gatherer, gathererOf } from "./duckdb-gather.ts";
import type { DuckDbChunk, DuckDbResult } from "./duckdb-library.ts";
import type { DuckDbSession } from "./duckdb-session.ts";
import { selection } from "./duckdb-sql.ts";
import { type FileNode, nodesWithin } from "./file-schema.ts";
import { LargeColumn } from "./dense-values.ts";
import { flatPlan, readFlat } from "./flat-read.ts";
import { corrupt, type Footer, mayHoldMatch, project, readFooter, typesOf } from "./footer.ts";
import { scanInJavaScript } from "./hyparquet-read.ts";
import type { ParquetReader, ParquetScanOptions } from "./port.ts";
import { testsOf } from "./predicate.ts";
import { rowsOnly } from "./rows-only.ts";
import type { ParquetSource } from "./source.ts";

const batchRows = 65_536;

/** Reads the footer here and the rows through DuckDB. A source that is no local file is first copied to one. */
export async function openWithDuckDb(session: DuckDbSession, source: ParquetSource): Promise<ParquetReader> {
  const footer = await readFooter(source);
  const local = source.path === undefined ? await copyToFile(session, source) : undefined;
  const path = source.path ?? local?.path ?? "";
  return {
    schema: footer.schema,
    rows: footer.rows,
    rowGroups: footer.rowGroups,
    scan: (options = {}) => scan({ session, footer, path, source }, options),
    [Symbol.asyncDispose]: async () => local?.remove(),
  };
}

interface Opened {
  readonly session: DuckDbSession;
  readonly footer: Footer;
  readonly path: string;
  readonly source: ParquetSource;
}

async function* scan(opened: Opened, options: ParquetScanOptions): AsyncGenerator<RecordBatch> {
  const { footer, session, path, source } = opened;
  const schema = project(footer.schema, options.columns);
  const tests = testsOf(options.where ?? {}, typesOf(footer.schema));
  const whole = await wholeMicroseconds(opened, schema, options);
  const foreign = new Set(footer.columns.filter((node) => isForeign(node, footer, whole)).map((node) => node.name));
  if (schema.fields.some(({ name }) => foreign.has(name))) return yield* scanInJavaScript(source, footer, options);
  const groups = footer.rowGroups.filter((group) => group.rows > 0 && mayHoldMatch(group, tests));
  if (schema.fields.length === 0) return yield* rowsOnly(groups);
  if (groups.length === 0) return;
  const narrowing = tests.filter((test) => !foreign.has(test.column));
  let rows = 0;
  if (tests.length === 0) {
    rows = yield* scanFlat(opened, schema, options.signal);
    if (rows === footer.rows) return;
  }
  const connection = await session.connect();
  try {
    const query = selection(path, schema, narrowing);
    const result = await connection.stream(rows === 0 ? query : `${query} OFFSET ${rows}`);
    for await (const batch of batches(result, schema, options.signal)) {
      rows += batch.numRows;
      yield batch;
    }
    if (narrowing.length === 0 && rows !== footer.rows) {
      throw new RangeError(`${rows} rows came of the ${footer.rows} that its footer says`);
    }
  } catch (cause) {
    options.signal?.throwIfAborted();
    throw readError(source.name, cause);
  } finally {
    connection.closeSync();
  }
}

/** The rows from the first on that can be had without DuckDB, which is faster where columns are flat. @returns their number */
async function* scanFlat(
  { footer, source }: Opened,
  schema: Schema,
  signal: AbortSignal | undefined,
): AsyncGenerator<RecordBatch, number> {
  const flat = flatPlan(footer, schema);
  let rows = 0;
  try {
    for await (const batch of flat === undefined ? [] : readFlat(source, flat, signal)) {
      rows += batch.numRows;
      yield batch;
    }
  } catch (error) {
    if (!(error instanceof LargeColumn)) throw error;
  }
  return rows;
}

/** DuckDB throws text of any kind; the codes are ours. */
function readError(file: string, cause: unknown): Error {
  if (isAshlarError(cause)) return cause;
  if (!(cause instanceof Error && cause.message.startsWith("Out of Memory"))) return corrupt(file, cause);
  const what = `to read the file "${file}" within its memory limit`;
  const remedy = "Raise the option memoryLimit; if that does not help, restore the file from a copy.";
  return storageError("CODEC_REFUSED", { codec: "duckdb", what, remedy }, { cause });
}

/**
 * The selected columns of times in nanoseconds, found to be whole microseconds, as Spark's INT96 are: DuckDB cuts the rest
 * off without a word. Of other writers nothing is expected, and such columns are not read through DuckDB.
 *
 * @throws CODEC_REFUSED for a time that is not
 */
async function wholeMicroseconds(
  { footer, source }: Opened,
  schema: Schema,
  options: ParquetScanOptions,
): Promise<ReadonlySet<FileNode>> {
  if (footer.metadata.key_value_metadata?.some(({ key }) => key === "org.apache.spark.version") !== true)
    return new Set();
  const selected = footer.columns.filter(({ name }) => schema.fields.some((field) => field.name === name));
  const times = selected.filter((column) => [...nodesWithin(column)].some(isNanoseconds));
  const columns = times.map(({ name }) => name);
  // Reading them is what checks them.
  if (columns.length > 0) for await (const _ of scanInJavaScript(source, footer, { ...options, columns }));
  return new Set(times);
}

const isNanoseconds = (node: FileNode): boolean => node.kind === "leaf" && node.nanoseconds;

/**
 * Columns that DuckDB would not read as the format has it: it cuts nanoseconds, it takes names that differ by case for
 * one, and it has its own mind on lists of older writers.
 *
 * @param whole columns whose times are known to be whole microseconds
 */
export function isForeign(column: FileNode, footer: Footer, whole: ReadonlySet<FileNode> = new Set()): boolean {
  const folded = column.name.toLowerCase();
  if (footer.columns.some((other) => other !== column && other.name.toLowerCase() === folded)) return true;
  return [...nodesWithin(column)].some(
    (node) => (isNanoseconds(node) && !whole.has(column)) || (node.kind === "list" && !node.wrapped),
  );
}

async function* batches(result: DuckDbResult, schema: Schema, signal?: AbortSignal): AsyncGenerator<RecordBatch> {
  const types = [...typesOf(schema).values()];
  let gatherers: Gatherer[] | undefined;
  let rows = 0;
  const flush = (full: readonly Gatherer[]): RecordBatch =>
    batchOf(
      schema,
      full.map((gatherer) => gatherer.finish()),
      rows,
    );
  // While one chunk is gathered here, DuckDB makes the next.
  let next: Promise<DuckDbChunk | null> = result.fetchChunk();
  try {
    for (;;) {
      signal?.throwIfAborted();
      const chunk = await next;
      if (chunk === null || chunk.rowCount === 0) break;
      next = result.fetchChunk();
      const size = chunk.rowCount;
      if (gatherers !== undefined && rows + size > batchRows) {
        yield flush(gatherers);
        gatherers = undefined;
      }
      if (gatherers === undefined) {
        gatherers = types.map((type) => gathererOf(type, batchRows));
        rows = 0;
      }
      for (const [index, gatherer] of gatherers.entries()) gatherer.add(chunk.getColumnVector(index), 0, size);
      rows += size;
    }
    if (gatherers !== undefined) yield flush(gatherers);
  } finally {
    await next.catch(() => undefined);
  }
}

async function copyToFile(
  session: DuckDbSession,
  source: ParquetSource,
): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const folder = await session.folder("read");
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  const path = join(folder, "in.parquet");
  const file = createWriteStream(path);
  const step = 8 * 1024 * 1024;
  try {
    for (let start = 0; start < source.size; start += step) {
      const bytes = await source.read(start, Math.min(start + step, source.size));
      if (!file.write(bytes)) await once(file, "drain");
    }
    file.end();
    await finished(file);
    return { path, remove };
  } catch (error) {
    file.destroy();
    await remove();
    throw error;
  }
}
