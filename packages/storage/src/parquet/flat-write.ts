import type { RecordBatch, Schema } from "apache-arrow";
import type { ColumnMetaData, RowGroup, SchemaElement } from "hyparquet";
import { ByteWriter } from "hyparquet-writer";
import { writeMetadata } from "hyparquet-writer/src/metadata.js";
import { columnTypeOf } from "./arrow-type.ts";
import type { ByteSink } from "./byte-sink.ts";
import { bytesOfColumn } from "./column-bytes.ts";
import { isNested } from "./column-type.ts";
import { columnsOf } from "./column.ts";
import type { EncodeThreads } from "./encode-threads.ts";
import { chunkMetadata, ColumnTotal, type EncodedChunk } from "./encoded-chunk.ts";
import { FlatGroup } from "./flat-group.ts";
import { parquetElements } from "./hyparquet-schema.ts";
import type { Compression, ParquetOutput, ParquetWriter } from "./port.ts";

const rowGroupRows = 122_880;

/** Bytes of a column after which its row group ends: readers hold whole pages. */
const chunkBytes = 32 * 1024 * 1024;

const magic = new TextEncoder().encode("PAR1");

/** Whether a schema has no structs, arrays and maps: `FlatWriter` writes such. */
export const isFlat = (schema: Schema): boolean => !schema.fields.some((field) => isNested(columnTypeOf(field)));

export interface FlatWriterOptions {
  /** Without structs, arrays and maps. */
  readonly schema: Schema;
  readonly compression: Compression;
  readonly sink: ByteSink;
  /** Whose name errors tell. */
  readonly codec: string;
  /** Encode beside the caller. @default none */
  readonly threads?: EncodeThreads | undefined;
}

/**
 * Encodes columns straight from Arrow's arrays: dictionaries where they pay, else plain values, in pages with a CRC. A row
 * group is compressed, and encoded where there are threads, while the rows of the next are gathered.
 */
export class FlatWriter implements ParquetWriter {
  readonly tellsColumns = true;
  readonly #compression: Compression;
  readonly #sink: ByteSink;
  readonly #elements: readonly SchemaElement[];
  readonly #names: readonly string[];
  readonly #group: FlatGroup;
  readonly #totals: readonly ColumnTotal[];
  readonly #groups: RowGroup[] = [];
  #waiting = 0;
  #rows = 0;
  /** The row group on its way to the sink. */
  #storing: Promise<void> = Promise.resolve();

  constructor({ schema, compression, sink, codec, threads }: FlatWriterOptions) {
    this.#compression = compression;
    this.#sink = sink;
    this.#elements = parquetElements(schema);
    this.#names = schema.fields.map(({ name }) => name);
    this.#group = new FlatGroup({ types: schema.fields.map(columnTypeOf), codec, threads });
    this.#totals = schema.fields.map(() => new ColumnTotal());
  }

  async write(batch: RecordBatch): Promise<void> {
    for (let rest: RecordBatch | undefined = batch; rest !== undefined && rest.numRows > 0;) {
      const rows = rowsThatFit(rest, rowGroupRows - this.#waiting);
      const part: RecordBatch = rows === rest.numRows ? rest : rest.slice(0, rows);
      rest = rows === rest.numRows ? undefined : rest.slice(rows);
      this.#group.append(columnsOf(part));
      this.#waiting += rows;
      this.#rows += rows;
      if (this.#waiting >= rowGroupRows || this.#group.largest >= chunkBytes) await this.#endGroup("more");
    }
  }

  async #endGroup(follows: "more" | "nothing"): Promise<void> {
    const encoding = this.#group.encode(this.#compression, follows);
    // Who waits for it next is told.
    encoding.catch(() => undefined);
    this.#waiting = 0;
    await this.#storing;
    this.#storing = this.#store(encoding);
    this.#storing.catch(() => undefined);
  }

  async #store(encoding: Promise<readonly EncodedChunk[]>): Promise<void> {
    const chunks = await encoding;
    if (this.#sink.size === 0) await this.#sink.write([magic]);
    const columns: ColumnMetaData[] = [];
    for (const [index, chunk] of chunks.entries()) {
      const element = this.#elements[index + 1] as SchemaElement;
      columns.push(chunkMetadata(chunk, element, this.#sink.size, this.#compression));
      this.#totals[index]?.add(chunk);
      await this.#sink.write(chunk.pages.map(({ bytes }) => bytes));
    }
    this.#groups.push({
      columns: columns.map((meta_data) => ({ file_offset: meta_data.data_page_offset, meta_data })),
      total_byte_size: columns.reduce((sum, column) => sum + column.total_uncompressed_size, 0n),
      num_rows: BigInt(chunks[0]?.rows ?? 0),
    });
  }

  async finish(): Promise<ParquetOutput> {
    if (this.#waiting > 0) await this.#endGroup("nothing");
    await this.#storing;
    if (this.#sink.size === 0) await this.#sink.write([magic]);
    const footer = new ByteWriter();
    writeMetadata(footer, {
      version: 2,
      created_by: "ashlar-storage",
      schema: [...this.#elements],
      num_rows: BigInt(this.#rows),
      row_groups: this.#groups,
      metadata_length: 0,
    });
    await this.#sink.write([footer.getBytes(), magic]);
    const columns = new Map(this.#names.map((name, index) => [name, this.#totals[index]?.bounds ?? {}]));
    return { rows: this.#rows, size: this.#sink.size, body: await this.#sink.finish(), columns };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#group.clear();
    await this.#storing.catch(() => undefined);
    await this.#sink[Symbol.asyncDispose]();
  }
}

/** How many rows of a batch the row group takes: at least one. */
function rowsThatFit(batch: RecordBatch, room: number): number {
  let rows = Math.min(batch.numRows, room);
  const texts = columnsOf(batch).filter(
    ({ type, codes }) => codes === undefined && (type === "string" || type === "binary"),
  );
  for (const column of texts) {
    const { offsets } = bytesOfColumn(column);
    while (rows > 1 && (offsets[rows] as number) - (offsets[0] as number) > chunkBytes) rows = Math.ceil(rows / 2);
  }
  return rows;
}
