import type { RecordBatch, Schema } from "apache-arrow";
import { ByteWriter, ParquetWriter as FileWriter } from "hyparquet-writer";
import { columnTypeOf } from "./arrow-type.ts";
import { type ColumnType, typesWithin, type Value } from "./column-type.ts";
import { columnsOf } from "./column.ts";
import { pageCompressors, parquetCompressions } from "./compress.ts";
import { parquetElements } from "./hyparquet-schema.ts";
import type { Compression, ParquetOutput, ParquetWriter } from "./port.ts";

const rowGroupRows = 122_880;

/** Writes a file in memory, one row group of up to 122,880 rows at a time. */
export class HyparquetWriter implements ParquetWriter {
  readonly #names: readonly string[];
  readonly #bytes: ByteWriter = new ByteWriter();
  readonly #file: FileWriter;
  /** Columns with floating-point numbers, at any depth. */
  readonly #floats: ReadonlySet<string>;
  #columns: (Value | null)[][];
  #rows = 0;

  constructor(schema: Schema, compression: Compression) {
    this.#names = schema.fields.map((field) => field.name);
    const floats = schema.fields.filter((field) => [...typesWithin(columnTypeOf(field))].some(isFloat));
    this.#floats = new Set(floats.map(({ name }) => name));
    this.#columns = this.#names.map(() => []);
    this.#file = new FileWriter({
      writer: this.#bytes,
      schema: parquetElements(schema),
      codec: parquetCompressions[compression],
      compressors: pageCompressors,
    });
  }

  async write(batch: RecordBatch): Promise<void> {
    const columns = columnsOf(batch);
    for (let start = 0; start < batch.numRows;) {
      const held = this.#columns[0]?.length ?? 0;
      const end = Math.min(batch.numRows, start + rowGroupRows - held);
      for (const [index, column] of columns.entries()) {
        const into = this.#columns[index] as (Value | null)[];
        for (let row = start; row < end; row++) into.push(column.get(row));
      }
      start = end;
      if (this.#columns[0]?.length === rowGroupRows) await this.#flush();
    }
    this.#rows += batch.numRows;
  }

  async #flush(): Promise<void> {
    const columnData = this.#names.map((name, index) => {
      const data = this.#columns[index] ?? [];
      // The writer takes 0 and -0 for one entry of a dictionary.
      const isPlain = this.#floats.has(name) && data.some(holdsNegativeZero);
      return { name, data, ...(isPlain ? { encoding: "PLAIN" as const } : {}) };
    });
    await this.#file.write({ columnData, rowGroupSize: rowGroupRows });
    this.#columns = this.#names.map(() => []);
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

const isFloat = (type: ColumnType): boolean => type === "float" || type === "double";

function holdsNegativeZero(value: Value | null): boolean {
  if (typeof value !== "object" || value === null) return Object.is(value, -0);
  if (value instanceof Uint8Array) return false;
  return (Object.values(value) as (Value | null)[]).some(holdsNegativeZero);
}
