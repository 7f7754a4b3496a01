import { zstdCompressSync, gzipSync } from "node:zlib";
import type { RecordBatch, Schema } from "apache-arrow";
import { parquetScan, type SchemaElement } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { ByteWriter, ParquetWriter as FileWriter } from "hyparquet-writer";
import { storageError } from "../errors.ts";
import { batchOf, dataOf } from "./batch.ts";
import type { ColumnType, Scalar } from "./column-type.ts";
import { columnsOf } from "./column.ts";
import { asyncBuffer, type Footer, mayHoldMatch, project, readFooter, typesOf } from "./footer.ts";
import type {
  Compression,
  ParquetCodec,
  ParquetOutput,
  ParquetReader,
  ParquetScanOptions,
  ParquetWriter,
} from "./port.ts";
import { testsOf } from "./predicate.ts";
import { rowsOnly } from "./rows-only.ts";
import type { ParquetSource } from "./source.ts";

const rowGroupRows = 122_880;

/**
 * Parquet in plain JavaScript, for where no native library can be: `hyparquet` reads and `hyparquet-writer` writes.
 * A file being written is kept in memory, compressed, one row group of up to 122,880 rows at a time.
 */
export function hyparquet(): ParquetCodec {
  return {
    name: "hyparquet",
    capabilities: {
      compressions: ["zstd", "snappy", "gzip", "none"],
      columnTypes: Object.keys(elements) as ColumnType[],
    },
    create: async (schema, options = {}) => new HyparquetWriter(schema, options.compression ?? "zstd"),
    open: async (source, options = {}) => {
      options.signal?.throwIfAborted();
      return readerOf(source, await readFooter(source));
    },
    async [Symbol.asyncDispose]() {},
  };
}

const elements: Record<ColumnType, Omit<SchemaElement, "name">> = {
  boolean: { type: "BOOLEAN" },
  byte: { type: "INT32", converted_type: "INT_8" },
  short: { type: "INT32", converted_type: "INT_16" },
  integer: { type: "INT32" },
  long: { type: "INT64" },
  float: { type: "FLOAT" },
  double: { type: "DOUBLE" },
  string: { type: "BYTE_ARRAY", converted_type: "UTF8" },
  binary: { type: "BYTE_ARRAY" },
  date: { type: "INT32", converted_type: "DATE" },
  timestamp: {
    type: "INT64",
    converted_type: "TIMESTAMP_MICROS",
    logical_type: { type: "TIMESTAMP", isAdjustedToUTC: true, unit: "MICROS" },
  },
  timestamp_ntz: { type: "INT64", logical_type: { type: "TIMESTAMP", isAdjustedToUTC: false, unit: "MICROS" } },
};

const codecs: Record<Compression, "ZSTD" | "SNAPPY" | "GZIP" | "UNCOMPRESSED"> = {
  zstd: "ZSTD",
  snappy: "SNAPPY",
  gzip: "GZIP",
  none: "UNCOMPRESSED",
};

class HyparquetWriter implements ParquetWriter {
  readonly #types: readonly (readonly [string, ColumnType])[];
  readonly #bytes: ByteWriter = new ByteWriter();
  readonly #file: FileWriter;
  #columns: (Scalar | null)[][];
  #rows = 0;

  constructor(schema: Schema, compression: Compression) {
    this.#types = [...typesOf(schema)];
    this.#columns = this.#types.map(() => []);
    this.#file = new FileWriter({
      writer: this.#bytes,
      schema: [
        { name: "schema", num_children: this.#types.length },
        ...this.#types.map(([name, type]) => ({ ...elements[type], name, repetition_type: "OPTIONAL" as const })),
      ],
      codec: codecs[compression],
      compressors: { ZSTD: (input) => zstdCompressSync(input), GZIP: (input) => gzipSync(input) },
    });
  }

  async write(batch: RecordBatch): Promise<void> {
    const columns = columnsOf(batch);
    for (let start = 0; start < batch.numRows;) {
      const held = this.#columns[0]?.length ?? 0;
      const end = Math.min(batch.numRows, start + rowGroupRows - held);
      for (const [index, column] of columns.entries()) {
        const into = this.#columns[index] as (Scalar | null)[];
        for (let row = start; row < end; row++) into.push(column.get(row));
      }
      start = end;
      if (this.#columns[0]?.length === rowGroupRows) await this.#flush();
    }
    this.#rows += batch.numRows;
  }

  async #flush(): Promise<void> {
    const columnData = this.#types.map(([name], index) => ({ name, data: this.#columns[index] ?? [] }));
    await this.#file.write({ columnData, rowGroupSize: rowGroupRows });
    this.#columns = this.#types.map(() => []);
  }

  async finish(): Promise<ParquetOutput> {
    if ((this.#columns[0]?.length ?? 0) > 0) await this.#flush();
    await this.#file.finish();
    const body = this.#bytes.getBytes();
    return { rows: this.#rows, size: body.byteLength, body };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#columns = [];
  }
}

function readerOf(source: ParquetSource, footer: Footer): ParquetReader {
  return {
    schema: footer.schema,
    rows: footer.rows,
    rowGroups: footer.rowGroups,
    scan: (options = {}) => scan(source, footer, options),
    async [Symbol.asyncDispose]() {},
  };
}

// Strings stay bytes and timestamps bigints: hyparquet's own forms would lose them.
const parsers = {
  timestampFromMilliseconds: (millis: bigint) => millis * 1000n,
  timestampFromMicroseconds: (micros: bigint) => micros,
  dateFromDays: (days: number) => days,
  stringFromBytes: (bytes: Uint8Array) => bytes,
  jsonFromBytes: (bytes: Uint8Array) => bytes,
};

async function* scan(source: ParquetSource, footer: Footer, options: ParquetScanOptions): AsyncGenerator<RecordBatch> {
  const schema = project(footer.schema, options.columns);
  const tests = testsOf(options.where ?? {}, typesOf(footer.schema));
  if (schema.fields.length === 0) {
    return yield* rowsOnly(footer.rowGroups.filter((group) => mayHoldMatch(group, tests)));
  }
  const columns = [...typesOf(schema)];
  const read = { file: asyncBuffer(source), metadata: footer.metadata, compressors, parsers, utf8: false };
  let rowStart = 0;
  for (const group of footer.rowGroups) {
    options.signal?.throwIfAborted();
    const rowEnd = rowStart + group.rows;
    if (group.rows > 0 && mayHoldMatch(group, tests)) {
      yield await readGroup(source.name, read, schema, columns, { rowStart, rowEnd });
    }
    rowStart = rowEnd;
  }
}

async function readGroup(
  file: string,
  options: Parameters<typeof parquetScan>[0],
  schema: Schema,
  columns: readonly (readonly [string, ColumnType])[],
  range: { readonly rowStart: number; readonly rowEnd: number },
): Promise<RecordBatch> {
  try {
    const open = await parquetScan({ ...options, ...range, columns: columns.map(([name]) => name) });
    const data = [];
    for (const [column, type] of columns) {
      const values = (await open.readColumn({ column, ...range })) as ArrayLike<Scalar | null | undefined>;
      data.push(dataOf(type, values));
    }
    return batchOf(schema, data, range.rowEnd - range.rowStart);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw storageError("PARQUET_CORRUPT", { file, reason }, { cause });
  }
}
