import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import type { RecordBatch, Schema } from "apache-arrow";
import { storageError } from "../errors.ts";
import { batchOf } from "./batch.ts";
import type { ColumnType } from "./column-type.ts";
import { VectorGatherer } from "./duckdb-gather.ts";
import type { DuckDbSession } from "./duckdb.ts";
import { type DuckDbResult, sqlName, sqlText } from "./duckdb-library.ts";
import { sqlTypes } from "./duckdb-types.ts";
import { type Footer, mayHoldMatch, project, readFooter, typesOf } from "./footer.ts";
import type { ParquetReader, ParquetScanOptions } from "./port.ts";
import { type ColumnTest, testsOf } from "./predicate.ts";
import { rowsOnly } from "./rows-only.ts";
import type { ParquetSource } from "./source.ts";

const batchRows = 65_536;

/** Reads the footer here and the rows through DuckDB. A source that is no local file is first copied to one. */
export async function openWithDuckDb(session: DuckDbSession, source: ParquetSource): Promise<ParquetReader> {
  const footer = await readFooter(source);
  const local = source.path === undefined ? await copyToFile(source) : undefined;
  const path = source.path ?? local?.path ?? "";
  return {
    schema: footer.schema,
    rows: footer.rows,
    rowGroups: footer.rowGroups,
    scan: (options = {}) => scan({ session, footer, path, name: source.name }, options),
    [Symbol.asyncDispose]: async () => local?.remove(),
  };
}

interface Opened {
  readonly session: DuckDbSession;
  readonly footer: Footer;
  readonly path: string;
  readonly name: string;
}

async function* scan(opened: Opened, options: ParquetScanOptions): AsyncGenerator<RecordBatch> {
  const { footer, session, path, name } = opened;
  const schema = project(footer.schema, options.columns);
  const tests = testsOf(options.where ?? {}, typesOf(footer.schema));
  const groups = footer.rowGroups.filter((group) => mayHoldMatch(group, tests));
  if (schema.fields.length === 0) return yield* rowsOnly(groups);
  if (groups.length === 0) return;
  const connection = await session.connect();
  try {
    const result = await connection.stream(selection(path, schema, tests));
    yield* batches(result, schema, options.signal);
  } catch (cause) {
    options.signal?.throwIfAborted();
    if (!isParquetError(cause)) throw cause;
    throw storageError("PARQUET_CORRUPT", { file: name, reason: cause.message }, { cause });
  } finally {
    connection.closeSync();
  }
}

function isParquetError(error: unknown): error is Error {
  return (
    error instanceof Error &&
    /parquet|snappy|zstd|decompress|Invalid Input Error|IO Error|TProtocol/i.test(error.message)
  );
}

function selection(path: string, schema: Schema, tests: readonly ColumnTest[]): string {
  const columns = [...typesOf(schema)].map(([name, type]) => `CAST(${sqlName(name)} AS ${sqlTypes[type]})`);
  const conditions = tests.map(conditionOf).filter((condition) => condition !== "");
  const where = conditions.length === 0 ? "" : ` WHERE ${conditions.join(" AND ")}`;
  return `SELECT ${columns.join(", ")} FROM read_parquet(${sqlText(path)}, hive_partitioning = false)${where}`;
}

/** DuckDB only narrows the rows; it counts NaN as the greatest number, so it may let more through. */
function conditionOf({ column, type, condition }: ColumnTest): string {
  const name = sqlName(column);
  const literal = (value: unknown): string => literalOf(type, value);
  const parts: string[] = [];
  if (condition.null !== undefined) parts.push(`${name} IS ${condition.null ? "" : "NOT "}NULL`);
  if (condition.in !== undefined) {
    parts.push(condition.in.length === 0 ? "false" : `${name} IN (${condition.in.map(literal).join(", ")})`);
  }
  const bounds = { gt: ">", gte: ">=", lt: "<", lte: "<=" } as const;
  for (const [key, operator] of Object.entries(bounds)) {
    const value = condition[key as keyof typeof bounds];
    if (value !== undefined) parts.push(`${name} ${operator} ${literal(value)}`);
  }
  return parts.join(" AND ");
}

function literalOf(type: ColumnType, value: unknown): string {
  if (type === "timestamp") return `make_timestamptz(${String(value)})`;
  if (type === "timestamp_ntz") return `make_timestamp(${String(value)})`;
  if (type === "date") return `(DATE '1970-01-01' + CAST(${String(value)} AS INTEGER))`;
  if (typeof value === "string") return sqlText(value);
  return `CAST(${sqlText(String(value))} AS ${type === "long" ? "BIGINT" : type === "boolean" ? "BOOLEAN" : "DOUBLE"})`;
}

async function* batches(result: DuckDbResult, schema: Schema, signal?: AbortSignal): AsyncGenerator<RecordBatch> {
  const types = [...typesOf(schema).values()];
  let gatherers: VectorGatherer[] | undefined;
  let rows = 0;
  const flush = (full: readonly VectorGatherer[]): RecordBatch =>
    batchOf(
      schema,
      full.map((g) => g.finish(rows)),
      rows,
    );
  for (;;) {
    signal?.throwIfAborted();
    const chunk = await result.fetchChunk();
    if (chunk === null || chunk.rowCount === 0) break;
    if (gatherers !== undefined && rows + chunk.rowCount > batchRows) {
      yield flush(gatherers);
      gatherers = undefined;
    }
    if (gatherers === undefined) {
      gatherers = types.map((type) => new VectorGatherer(type, batchRows));
      rows = 0;
    }
    for (const [index, gatherer] of gatherers.entries())
      gatherer.add(chunk.getColumnVector(index), rows, chunk.rowCount);
    rows += chunk.rowCount;
  }
  if (gatherers !== undefined) yield flush(gatherers);
}

async function copyToFile(source: ParquetSource): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "ashlar-parquet-"));
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
