import { createReadStream } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { streamFrom } from "../artifact/streams.ts";
import { type ColumnType, isNested } from "./column-type.ts";
import { boundOf } from "./duckdb-bound.ts";
import { sqlName, sqlText } from "./duckdb-library.ts";
import { isForeign } from "./duckdb-read.ts";
import type { DuckDbSession } from "./duckdb-session.ts";
import { checkSql, negativeZeroSql, withoutDictionaries } from "./duckdb-sql.ts";
import { fieldIds, sqlType } from "./duckdb-types.ts";
import { readFooter, typesOf } from "./footer.ts";
import type { ColumnBounds, CopiedFile, ParquetCopy, ParquetCopyPlan } from "./port.ts";

const chunkBytes = 1024 * 1024;

/**
 * Copies files by one `COPY`, which keeps only rows that satisfy the checks: when fewer are written than are read, the
 * copy is given up. So it is when DuckDB refuses for whatever reason; whoever asked goes the long way and sees for himself.
 */
export async function copyWithDuckDb(session: DuckDbSession, plan: ParquetCopyPlan): Promise<ParquetCopy | undefined> {
  const types = typesOf(plan.schema);
  const checks = plan.checks.map(checkSql);
  const expected = await rowsOf(plan, types);
  if (expected === undefined || expected.rows === 0 || checks.includes(undefined)) return undefined;
  const folder = await session.folder("copy");
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const where = checks.length === 0 ? "" : ` WHERE ${checks.join(" AND ")}`;
    const columns = [...types].map(([name, type]) => columnSql(name, type, expected.naive)).join(", ");
    const target = plan.partitionBy.length === 0 ? join(folder, "out.parquet") : join(folder, "out");
    const query = `SELECT ${columns} FROM ${sourceSql(plan)}${where}`;
    const dictionaries = (await hasNegativeZero(session, plan, types)) ? withoutDictionaries : "";
    const options = `${optionsSql(plan)}${dictionaries}`;
    const written = await run(session, `COPY (${query}) TO ${sqlText(target)} (${options})`);
    plan.signal?.throwIfAborted();
    const files = written && filesOf(written, types, plan.partitionBy);
    const copied = files?.reduce((sum, file) => sum + file.rows, 0);
    if (files !== undefined && copied === expected.rows) {
      return { files, [Symbol.asyncDispose]: remove };
    }
  } catch (error) {
    await remove();
    throw error;
  }
  await remove();
  return undefined;
}

/** Whether there is a -0 in the sources; one that cannot be asked counts as having one. */
async function hasNegativeZero(
  session: DuckDbSession,
  plan: ParquetCopyPlan,
  types: ReadonlyMap<string, ColumnType>,
): Promise<boolean> {
  const found = [...types].flatMap(([name, type]) => negativeZeroSql(sqlName(name), type) ?? []);
  if (found.length === 0) return false;
  const rows = await run(session, `SELECT coalesce(bool_or(${found.join(" OR ")}), false) FROM ${sourceSql(plan)}`);
  return rows?.[0]?.[0] !== false;
}

/** The rows of the sources, and which of their timestamps are naive; undefined when DuckDB would not read them as they are. */
async function rowsOf(
  { sources, partitionBy }: ParquetCopyPlan,
  types: ReadonlyMap<string, ColumnType>,
): Promise<{ readonly rows: number; readonly naive: ReadonlySet<string> } | undefined> {
  let rows = 0;
  let naive: Set<string> | undefined;
  if (partitionBy.length === types.size || [...types.values()].some(isNested)) return undefined;
  for (const source of sources) {
    const footer = await readFooter(source);
    const columns = footer.columns.filter(({ name }) => types.has(name));
    if (source.path === undefined || columns.length !== types.size) return undefined;
    if (columns.some((column) => isForeign(column, footer))) return undefined;
    const own = columns.filter(({ name, type }) => type === "timestamp_ntz" && types.get(name) === "timestamp");
    if (naive !== undefined && !(own.length === naive.size && own.every(({ name }) => naive?.has(name))))
      return undefined;
    naive = new Set(own.map(({ name }) => name));
    rows += footer.rows;
  }
  return { rows, naive: naive ?? new Set() };
}

/** A cast from a naive timestamp would go through a calendar, value by value. */
function columnSql(name: string, type: ColumnType, naive: ReadonlySet<string>): string {
  const quoted = sqlName(name);
  const value = naive.has(name) ? `make_timestamptz(epoch_us(${quoted}))` : `CAST(${quoted} AS ${sqlType(type)})`;
  return `${value} AS ${quoted}`;
}

function sourceSql({ sources }: ParquetCopyPlan): string {
  const paths = sources.map(({ path = "" }) => sqlText(path)).join(", ");
  return `read_parquet([${paths}], hive_partitioning = false, union_by_name = true)`;
}

function optionsSql({ schema, partitionBy, compression = "zstd" }: ParquetCopyPlan): string {
  const codec = compression === "none" ? "uncompressed" : compression;
  const parts = partitionBy.length === 0 ? "" : `, PARTITION_BY (${partitionBy.map(sqlName).join(", ")})`;
  return `FORMAT parquet, COMPRESSION ${codec}, RETURN_STATS${parts}${fieldIds(schema)}`;
}

async function run(session: DuckDbSession, sql: string): Promise<readonly (readonly unknown[])[] | undefined> {
  const connection = await session.connect();
  try {
    const rows = await (await connection.run(sql)).getRowsJson();
    return rows.toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1));
  } catch {
    return undefined;
  } finally {
    connection.closeSync();
  }
}

type Entries = readonly { readonly key: string; readonly value: unknown }[];

/** What `RETURN_STATS` says; undefined when two files have one name: a null, and the text that stands for one in paths. */
function filesOf(
  rows: readonly (readonly unknown[])[],
  types: ReadonlyMap<string, ColumnType>,
  partitionBy: readonly string[],
): readonly CopiedFile[] | undefined {
  const paths = rows.map(([path]) => String(path));
  if (new Set(paths).size < paths.length) return undefined;
  return rows.map(([path, count, size, , columns, partition]) => ({
    rows: Number(count),
    size: Number(size),
    body: streamFrom(chunksOf(String(path))),
    partition: new Map(((partition ?? []) as Entries).map(({ key, value }) => [key, value as string | null])),
    columns: boundsOf(columns as Entries, types, partitionBy),
  }));
}

function boundsOf(
  entries: Entries,
  types: ReadonlyMap<string, ColumnType>,
  partitionBy: readonly string[],
): ReadonlyMap<string, ColumnBounds> {
  const known = new Map(
    entries.map(({ key, value }) => [key, new Map((value as Entries).map((e) => [e.key, e.value]))]),
  );
  const inFile = [...types].filter(([name]) => !partitionBy.includes(name));
  return new Map(
    inFile.map(([name, type]): [string, ColumnBounds] => {
      const said = known.get(sqlName(name));
      const unordered = said?.get("has_nan") === "true";
      const [min, max] = ["min", "max"].map((end) => (unordered ? undefined : boundOf(type, said?.get(end))));
      const nulls = said?.get("null_count");
      const bounds = { ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) };
      return [name, { ...bounds, ...(nulls === undefined ? {} : { nulls: Number(nulls) }) }];
    }),
  );
}

/** Opened when it is read: there may be more files than a process may hold open. */
async function* chunksOf(path: string): AsyncGenerator<Uint8Array> {
  for await (const chunk of createReadStream(path, { highWaterMark: chunkBytes })) yield chunk as Uint8Array;
}
