import type { RecordBatch } from "apache-arrow";
import { featureStoreError } from "../errors.ts";
import type { TableSource } from "../source/table-source.ts";
import { readColumn } from "./arrow-columns.ts";
import type { ColumnData } from "./column-data.ts";
import { recordBatches } from "./column-to-arrow.ts";
import { readColumns, storedName } from "./duckdb-columns.ts";
import type { Session } from "./duckdb-database.ts";
import type { LabelRange, LabelTable } from "./duckdb-latest.ts";
import { type DuckdbConnection, numberOf } from "./duckdb-library.ts";
import { appendColumns, appendRows, type DuckdbTable, loadFiles } from "./duckdb-table.ts";
import { inParts, labelTimes } from "./label-batches.ts";
import { LabelSpool } from "./label-spool.ts";
import type { LabelOptions } from "./port.ts";

/** Labels that DuckDB joins all at once, and JavaScript sees part by part. */
export interface DuckdbLabels extends AsyncDisposable {
  /** All labels, with the columns that are keys of a view. @throws COLUMN_MISSING */
  table(keys: readonly string[]): Promise<LabelTable>;
  parts(): AsyncIterable<LabelColumns>;
}

/** A part of the labels in JavaScript. */
export interface LabelColumns extends LabelRange {
  readonly names: readonly string[];
  /** Whether all columns can be read, in every part. */
  readonly readsAlike: boolean;
  /** Epoch microseconds, by label. */
  readonly time: Float64Array;
  column(name: string): ColumnData;
  batches(): Iterable<RecordBatch>;
}

export async function openLabels(session: Session, source: TableSource, options: LabelOptions): Promise<DuckdbLabels> {
  const table = await loadFiles(session.connection, "labels", source, options);
  if (table === undefined) return await scannedLabels(session, source, options);
  return await fileLabels(session.connection, source, table, options);
}

/** Labels that DuckDB has read from Parquet files: it gives their columns. */
async function fileLabels(
  connection: DuckdbConnection,
  source: TableSource,
  table: DuckdbTable,
  { time, rowsPerPart = Infinity }: LabelOptions,
): Promise<DuckdbLabels> {
  const names = [...table.kinds.keys()];
  const assertColumn = (column: string): void => {
    if (!table.kinds.has(column))
      throw featureStoreError("COLUMN_MISSING", { column, table: source.name, columns: names });
  };
  assertColumn(time);
  // Of one part the times are looked at as they are read.
  if (rowsPerPart < table.rows && table.kinds.get(time)?.endsWith("time") === true) {
    const row = await numberOf(connection, `SELECT min("#") FROM labels WHERE ${storedName(time)} IS NULL`);
    if (row !== null) throw featureStoreError("LABEL_TIME_NULL", { column: time, row });
  }
  return {
    async table(keys) {
      keys.forEach(assertColumn);
      return { table, time };
    },
    async *parts() {
      for (let first = 0; first < table.rows || first === 0; first += rowsPerPart) {
        const rows = Math.min(rowsPerPart, table.rows - first);
        const from = `(FROM labels WHERE "#" >= ${first} AND "#" < ${first + rows})`;
        const whole = rows === table.rows;
        const relation = whole ? { from: "labels", place: `"#"`, rows } : { from, place: `"#" - ${first}`, rows };
        const columns = await readColumns(connection, table.kinds, relation);
        const column = (name: string): ColumnData => {
          assertColumn(name);
          return columns.get(name) as ColumnData;
        };
        const times = labelTimes(column(time), source, time, first);
        const batches = (): Iterable<RecordBatch> => recordBatches(columns, rows);
        yield { first, rows, names, readsAlike: true, time: times, column, batches };
      }
    },
    async [Symbol.asyncDispose]() {},
  };
}

/** Labels that come as record batches. Where there are several parts they wait on disk while all are joined. */
async function scannedLabels(
  session: Session,
  source: TableSource,
  { time, rowsPerPart = Infinity, signal }: LabelOptions,
): Promise<DuckdbLabels> {
  const spool = new LabelSpool(session.folder, session.newName("labels"));
  const whole: (readonly RecordBatch[])[] = [];
  try {
    for await (const batches of inParts(source, rowsPerPart, { signal })) {
      if (rowsPerPart === Infinity || batches.length === 0) whole.push(batches);
      else await spool.write(batches);
    }
  } catch (error) {
    await spool[Symbol.asyncDispose]();
    throw error;
  }

  async function* parts(): AsyncIterable<LabelColumns> {
    let first = 0;
    for (let part = 0; part < Math.max(1, spool.parts.length); part++) {
      const made = batchColumns(source, whole[part] ?? (await spool.read(part)), time, first);
      yield made;
      first += made.rows;
    }
  }

  let made: LabelTable | undefined;
  return {
    parts,
    async table(keys) {
      const before = made?.table.kinds;
      if (made !== undefined && keys.every((key) => before?.has(key))) return made;
      const wanted = new Set([...(before?.keys() ?? []), ...keys].filter((name) => name !== timeColumn));
      made = { table: await appendParts(session.connection, parts(), [...wanted]), time: timeColumn };
      return made;
    },
    [Symbol.asyncDispose]: () => spool[Symbol.asyncDispose](),
  };
}

/** The column of times in a table that is made of labels in memory. */
const timeColumn = "#time";

async function appendParts(
  connection: DuckdbConnection,
  parts: AsyncIterable<LabelColumns>,
  keys: readonly string[],
): Promise<DuckdbTable> {
  await connection.run("DROP TABLE IF EXISTS labels");
  let table: DuckdbTable | undefined;
  for await (const part of parts) {
    const columns = new Map<string, ColumnData>([[timeColumn, { kind: "time", values: part.time, naive: false }]]);
    for (const key of keys) columns.set(key, part.column(key));
    if (table === undefined) table = await appendColumns(connection, "labels", columns);
    else table = { ...table, rows: await appendRows(connection, "labels", [...columns.values()], table.rows) };
  }
  return table as DuckdbTable;
}

function batchColumns(
  source: TableSource,
  batches: readonly RecordBatch[],
  timeName: string,
  first: number,
): LabelColumns {
  const read = new Map<string, ColumnData>();
  const column = (name: string): ColumnData => {
    const data = read.get(name) ?? readColumn(batches, name, source.name);
    read.set(name, data);
    return data;
  };
  const time = labelTimes(column(timeName), source, timeName, first);
  const names = batches[0]?.schema.fields.map((field) => field.name) ?? [];
  return { first, rows: time.length, names, readsAlike: false, time, column, batches: () => batches };
}
