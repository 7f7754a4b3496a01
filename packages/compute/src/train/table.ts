import { computeError } from "../errors.ts";

/** A column of an Arrow record batch, as far as it is needed: `apache-arrow`'s Vector has this shape. */
export interface ColumnLike {
  readonly length: number;
  readonly nullCount?: number;
  get(index: number): unknown;
  toArray?(): unknown;
}

/** An Arrow record batch, as far as it is needed: `apache-arrow`'s RecordBatch has this shape. */
export interface RecordBatchLike {
  readonly numRows: number;
  readonly schema: { readonly fields: readonly { readonly name: string }[] };
  getChild(name: string): ColumnLike | null;
}

/** An Arrow table: its batches are read one by one. */
export interface TableLike extends RecordBatchLike {
  readonly batches: readonly RecordBatchLike[];
}

/** A list or a typed array of numbers, or an Arrow vector. NaN, null and undefined are missing; booleans are 0 and 1. */
export type PlainColumn = ArrayLike<number | bigint | boolean | null | undefined> | ColumnLike;

/** Columns of equal length by name. */
export interface PlainTable {
  readonly columns: Readonly<Record<string, PlainColumn>>;
  /** @default the length of the columns */
  readonly rows?: number;
}

export type BatchSequence = Iterable<RecordBatchLike> | AsyncIterable<RecordBatchLike>;

/**
 * Where rows come from. A function is called once for each pass over the rows and must give the same rows in the same
 * order each time; with it, data larger than memory can be read. A generator is read once and kept.
 */
export type TableSource =
  | PlainTable
  | RecordBatchLike
  | TableLike
  | BatchSequence
  | (() => BatchSequence | Promise<BatchSequence>);

/** Some rows of a table, read column by column. */
export interface Chunk {
  readonly rows: number;
  readonly names: readonly string[];
  /** Undefined when there is no such column. `firstRow` counts the rows of earlier chunks, for messages. */
  read(name: string, firstRow: number): Float32Array | undefined;
}

export type Pass = () => AsyncIterable<Chunk>;

/**
 * Turns any source into something that can be read twice.
 *
 * @throws DATASET_INVALID when it is no table
 */
export async function openTable(source: TableSource, signal?: AbortSignal): Promise<Pass> {
  if (typeof source === "function") {
    return async function* () {
      for await (const batch of untilAborted(sequence(await source()), signal)) yield batchChunk(batch);
    };
  }
  if (typeof source !== "object" || source === null) throw noTable(`it is ${String(source)}`);
  const chunks: Chunk[] = [];
  if ("columns" in source) {
    chunks.push(plainChunk(source));
  } else if ("batches" in source) {
    for (const batch of source.batches) chunks.push(batchChunk(batch));
  } else if ("numRows" in source) {
    chunks.push(batchChunk(source));
  } else {
    for await (const batch of untilAborted(sequence(source), signal)) chunks.push(batchChunk(batch));
  }
  return async function* () {
    yield* chunks;
  };
}

function sequence(source: BatchSequence): BatchSequence {
  if (Symbol.iterator in source || Symbol.asyncIterator in source) return source;
  throw noTable(`it has neither columns nor batches, but ${Object.keys(source).join(", ")}`);
}

/** Throws the signal's reason also while the source is at a batch that never comes. */
async function* untilAborted(source: BatchSequence, signal?: AbortSignal): AsyncGenerator<RecordBatchLike> {
  const batches = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  aborted.catch(() => {});
  const onAbort = (): void => reject(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    for (;;) {
      signal?.throwIfAborted();
      const next = await Promise.race([batches.next(), aborted]);
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    signal?.removeEventListener("abort", onAbort);
    const closed = Promise.resolve(batches.return?.());
    // A source that does not answer does not close either.
    if (signal?.aborted === true) closed.catch(() => {});
    else await closed;
  }
}

function noTable(what: string): Error {
  return computeError("DATASET_INVALID", {
    what,
    rule: "it is columns by name, record batches, or a function that gives these",
    remedy: "Give { columns: { name: values } }, or batches of Arrow.",
  });
}

function plainChunk(table: PlainTable): Chunk {
  const names = Object.keys(table.columns);
  const rows = table.rows ?? table.columns[names[0] ?? ""]?.length ?? 0;
  for (const name of names) checkLength(name, table.columns[name]?.length ?? 0, rows);
  return {
    rows,
    names,
    read: (name, firstRow) => {
      const values = Object.hasOwn(table.columns, name) ? table.columns[name] : undefined;
      return values === undefined ? undefined : toFloat32(name, rows, valueReader(values), firstRow);
    },
  };
}

function batchChunk(batch: RecordBatchLike): Chunk {
  if (batch?.schema?.fields === undefined) throw noTable("a batch has no schema, as a row of its own would");
  return {
    rows: batch.numRows,
    names: batch.schema.fields.map((field) => field.name),
    read: (name, firstRow) => {
      const column = batch.getChild(name);
      if (column === null) return undefined;
      checkLength(name, column.length, batch.numRows);
      // Arrow leaves undefined bytes where a value is null, so only a column without nulls is read as an array.
      const array = column.nullCount === 0 ? column.toArray?.() : undefined;
      if (isFloatArray(array) && array.length === batch.numRows) {
        return toFloat32(name, batch.numRows, (i) => array[i], firstRow);
      }
      return toFloat32(name, batch.numRows, (i) => column.get(i), firstRow);
    },
  };
}

function isFloatArray(array: unknown): array is Float32Array | Float64Array | Int32Array {
  return array instanceof Float32Array || array instanceof Float64Array || array instanceof Int32Array;
}

function checkLength(name: string, found: number, rows: number): void {
  if (found === rows) return;
  throw computeError("DATASET_INVALID", {
    what: `the column "${name}" has ${found} values`,
    rule: `the table has ${rows} rows`,
    remedy: "Give columns of equal length.",
  });
}

function toFloat32(name: string, rows: number, at: (index: number) => unknown, firstRow: number): Float32Array {
  const values = new Float32Array(rows);
  for (let i = 0; i < rows; i++) {
    const value = at(i);
    const number = typeof value === "number" ? value : toNumber(name, value, firstRow + i);
    values[i] = number;
    // An infinity, or a number that float32 cannot hold.
    if (number === number && !Number.isFinite(values[i])) throw notFinite(name, number, firstRow + i);
  }
  return values;
}

/** A vector has no values by index: read like a list, it would be all missing. */
export function valueReader(column: PlainColumn): (index: number) => unknown {
  return "get" in column ? (i) => column.get(i) : (i) => column[i];
}

/** The value as a number, NaN when it is missing; undefined when it is something else. */
export function plainNumber(value: unknown): number | undefined {
  if (typeof value === "number") return value;
  if (value === null || value === undefined) return Number.NaN;
  return typeof value === "bigint" || typeof value === "boolean" ? Number(value) : undefined;
}

function toNumber(name: string, value: unknown, row: number): number {
  const number = plainNumber(value);
  if (number !== undefined) return number;
  throw computeError("DATASET_INVALID", {
    what: `the column "${name}" holds a ${typeof value} in row ${row}`,
    rule: "columns hold numbers or booleans",
    remedy: "Encode it as a number, or leave the column out with the option features.",
  });
}

function notFinite(name: string, value: number, row: number): Error {
  return computeError("DATASET_INVALID", {
    what: `the column "${name}" holds ${value} in row ${row}`,
    rule: "values lie within the range of float32 (3.4e38)",
    remedy: "Use NaN or null for a missing value.",
  });
}
