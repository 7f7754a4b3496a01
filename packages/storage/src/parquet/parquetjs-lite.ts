import { PassThrough } from "node:stream";
import { buffer } from "node:stream/consumers";
import type { RecordBatch } from "apache-arrow";
import { storageError } from "../errors.ts";
import { batchOf, dataOf } from "./batch.ts";
import { type ColumnType, isPrimitive, type PrimitiveType, typeText, type Value } from "./column-type.ts";
import { columnsOf } from "./column.ts";
import { corrupt, type Footer, mayHoldMatch, project, readFooter, typesOf } from "./footer.ts";
import type { ParquetCodec, ParquetOutput, ParquetReader, ParquetScanOptions, ParquetWriter } from "./port.ts";
import { testsOf } from "./predicate.ts";
import { rowsOnly } from "./rows-only.ts";
import type { ParquetSource } from "./source.ts";

type Row = Record<string, unknown>;

/** What this package needs of `parquetjs-lite`. */
export interface ParquetJsLibrary {
  readonly ParquetSchema: new (schema: Record<string, unknown>) => object;
  readonly ParquetWriter: {
    openStream(
      schema: object,
      stream: NodeJS.WritableStream,
    ): Promise<{ appendRow(row: Row): Promise<void>; close(): Promise<void> }>;
  };
  readonly ParquetReader: {
    openBuffer(bytes: Buffer): Promise<{
      getCursor(columns: string[]): { next(): Promise<Row | null> };
      close(): Promise<void>;
    }>;
  };
}

/** The column types it holds without loss, by its own names. */
const types: Partial<Record<PrimitiveType, string>> = {
  boolean: "BOOLEAN",
  integer: "INT32",
  long: "INT64",
  double: "DOUBLE",
  string: "UTF8",
};
const name = "parquetjs-lite";

/**
 * Flat rows through `parquetjs-lite`, for those who have it: snappy or gzip, booleans, integers up to 2^53, doubles
 * but NaN and -0, and strings. It refuses zstd, nested columns, decimals, dates and timestamps by name. Small files only: it works row by row.
 *
 * @param options.lib the module `parquetjs-lite`; it is imported on first use by default
 */
export function parquetjsLite(options: { readonly lib?: ParquetJsLibrary } = {}): ParquetCodec {
  const library = async (): Promise<ParquetJsLibrary> => options.lib ?? (await load());
  return {
    name,
    capabilities: {
      compressions: ["snappy", "gzip", "none"],
      columnTypes: Object.keys(types) as PrimitiveType[],
      decimals: false,
      nested: false,
    },
    async create(schema, { compression = "snappy" } = {}) {
      if (compression === "zstd") throw refuse("zstd compression", "Write snappy or gzip, or use another codec.");
      const columns = [...typesOf(schema)];
      for (const [column, type] of columns) assertHolds(column, type);
      const codec = compression === "none" ? "UNCOMPRESSED" : compression.toUpperCase();
      const fields = columns.map(([column, type]) => [
        column,
        { type: libraryType(type), optional: true, compression: codec },
      ]);
      const lib = await library();
      const stream = new PassThrough();
      const writer = await lib.ParquetWriter.openStream(new lib.ParquetSchema(Object.fromEntries(fields)), stream);
      return new RowWriter(writer, buffer(stream));
    },
    async open(source, { signal } = {}) {
      signal?.throwIfAborted();
      const footer = await readFooter(source);
      if (footer.compressions.has("ZSTD"))
        throw refuse(`the zstd file "${source.name}"`, "Read it with another codec.");
      return readerOf(await library(), source, footer);
    },
    async [Symbol.asyncDispose]() {},
  };
}

async function load(): Promise<ParquetJsLibrary> {
  try {
    // The package has no type declarations, hence the name in a variable.
    const specifier: string = name;
    const module = (await import(specifier)) as { readonly default: ParquetJsLibrary };
    return module.default;
  } catch (cause) {
    throw storageError("LIBRARY_MISSING", { name, range: "^0.8.7", needed: "The parquetjsLite() codec" }, { cause });
  }
}

function refuse(what: string, remedy: string): Error {
  return storageError("CODEC_REFUSED", { codec: name, what, remedy });
}

const libraryType = (type: ColumnType): string | undefined => (isPrimitive(type) ? types[type] : undefined);

function assertHolds(column: string, type: ColumnType): void {
  if (libraryType(type) !== undefined) return;
  throw storageError("TYPE_UNSUPPORTED", {
    column,
    type: typeText(type),
    by: name,
    remedy: "Use the codec duckdb() or hyparquet().",
  });
}

/** The library passes integers through doubles and loses the sign of zero. */
function assertKept(column: string, value: Value | null): void {
  const lost =
    typeof value === "bigint" ? !Number.isSafeInteger(Number(value)) : Number.isNaN(value) || Object.is(value, -0);
  if (!lost) return;
  const shown = Object.is(value, -0) ? "-0" : String(value);
  throw refuse(`the value ${shown} in the column "${column}"`, "Use the codec duckdb() or hyparquet().");
}

class RowWriter implements ParquetWriter {
  readonly #writer: { appendRow(row: Row): Promise<void>; close(): Promise<void> };
  readonly #bytes: Promise<Buffer>;
  #rows = 0;
  #closed = false;

  constructor(writer: { appendRow(row: Row): Promise<void>; close(): Promise<void> }, bytes: Promise<Buffer>) {
    this.#writer = writer;
    this.#bytes = bytes;
  }

  async write(batch: RecordBatch): Promise<void> {
    const columns = columnsOf(batch);
    for (let index = 0; index < batch.numRows; index++) {
      const row: Row = {};
      for (const column of columns) {
        const value = column.get(index);
        assertKept(column.name, value);
        if (value !== null) row[column.name] = value;
      }
      await this.#writer.appendRow(row);
    }
    this.#rows += batch.numRows;
  }

  async finish(): Promise<ParquetOutput> {
    if (this.#rows === 0) throw refuse("a file without rows", "Write at least one row, or use another codec.");
    this.#closed = true;
    await this.#writer.close();
    const body = new Uint8Array(await this.#bytes);
    return { rows: this.#rows, size: body.byteLength, body };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed || this.#rows === 0) return;
    this.#closed = true;
    await this.#writer.close();
  }
}

function readerOf(lib: ParquetJsLibrary, source: ParquetSource, footer: Footer): ParquetReader {
  return {
    schema: footer.schema,
    rows: footer.rows,
    rowGroups: footer.rowGroups,
    scan: (options = {}) => scan(lib, source, footer, options),
    async [Symbol.asyncDispose]() {},
  };
}

async function* scan(
  lib: ParquetJsLibrary,
  source: ParquetSource,
  footer: Footer,
  options: ParquetScanOptions,
): AsyncGenerator<RecordBatch> {
  const schema = project(footer.schema, options.columns);
  const columns = [...typesOf(schema)];
  for (const [column, type] of columns) assertHolds(column, type);
  const tests = testsOf(options.where ?? {}, typesOf(footer.schema));
  const groups = footer.rowGroups.filter((group) => mayHoldMatch(group, tests));
  if (columns.length === 0) return yield* rowsOnly(groups);
  if (groups.length === 0) return;
  const bytes = Buffer.from(await source.read(0, source.size));
  // What the library throws of a damaged file has no name, and is not always an error.
  const named = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    try {
      return await work();
    } catch (cause) {
      throw corrupt(source.name, cause);
    }
  };
  const reader = await named(() => lib.ParquetReader.openBuffer(bytes));
  try {
    const cursor = reader.getCursor(columns.map(([column]) => column));
    for (const { rows } of footer.rowGroups) {
      options.signal?.throwIfAborted();
      yield await named(async () => {
        const values = columns.map((): (Value | null)[] => []);
        for (let index = 0; index < rows; index++) {
          const row = await cursor.next();
          if (row === null) throw new RangeError(`a row group has ${index} of ${rows} rows`);
          for (const [at, [column]] of columns.entries()) values[at]?.push((row[column] ?? null) as Value | null);
        }
        const data = columns.map(([, type], at) => dataOf(type, values[at] ?? []));
        return batchOf(schema, data, rows);
      });
    }
  } finally {
    await reader.close();
  }
}
