import { type AsyncBuffer, type ColumnMetaData, type Compressors, type FileMetaData, parquetSchema } from "hyparquet";
import { parquetHeader } from "hyparquet/src/column.js";
import { convert, convertWithDictionary, DEFAULT_PARSERS } from "hyparquet/src/convert.js";
import { decompressPage, readDataPage, readDataPageV2 } from "hyparquet/src/datapage.js";
import { readPlain } from "hyparquet/src/plain.js";
import { getMaxDefinitionLevel, getMaxRepetitionLevel, getTreePath } from "hyparquet/src/schema.js";

/** The cells of one leaf of nested columns, by row. */
export interface LeafColumn {
  /** A value, undefined where it is null or something above it is; of a repeated field an array, nulls included. */
  readonly values: unknown[];
  /** How many of the optional and repeated fields on the way to it are there: the definition level of the row's first entry. */
  readonly levels: Uint8Array;
}

export function emptyLeaf(rows: number): LeafColumn {
  const values: unknown[] = [];
  values.length = rows;
  return { values, levels: new Uint8Array(rows) };
}

/** Where a column chunk stands: its rows among those of the file. */
export interface LeafChunk {
  readonly chunk: ColumnMetaData;
  readonly firstRow: number;
  readonly rows: number;
}

type SchemaPath = ReturnType<typeof getTreePath>;
type Decoder = Parameters<typeof readDataPage>[2];
type Page = ReturnType<typeof readDataPage>;
interface Position {
  readonly view: DataView;
  offset: number;
}

/** Reads leaves without assembling the records they are of, which would make a list of every cell. */
export class LeafReader {
  readonly #file: AsyncBuffer;
  readonly #tree: ReturnType<typeof parquetSchema>;
  readonly #compressors: Compressors;

  constructor(file: AsyncBuffer, metadata: FileMetaData, compressors: Compressors) {
    this.#file = file;
    this.#tree = parquetSchema(metadata);
    this.#compressors = compressors;
  }

  /** Fills in the rows of a chunk, which has been checked. @throws RangeError, or whatever the library throws at damage */
  async read({ chunk, firstRow, rows }: LeafChunk, into: LeafColumn): Promise<void> {
    const { data_page_offset: data, dictionary_page_offset: dictionary = 0n } = chunk;
    const start = Number(dictionary > 0n && dictionary < data ? dictionary : data);
    const bytes = await this.#file.slice(start, start + Number(chunk.total_compressed_size));
    const path = getTreePath(this.#tree, chunk.path_in_schema);
    const element = (path.at(-1) as SchemaPath[number]).element;
    const { type, codec } = chunk;
    const compressors = this.#compressors;
    const own = { pathInSchema: chunk.path_in_schema, schemaPath: path, element, type, codec };
    const decoder: Decoder = { ...own, parsers: DEFAULT_PARSERS, compressors };
    const fill = new Fill(path, into, firstRow, rows);
    for (const page of pagesOf({ view: new DataView(bytes), offset: 0 }, decoder, Number(chunk.num_values))) {
      fill.add(page);
    }
    fill.finish();
  }
}

function* pagesOf(reader: Position, decoder: Decoder, values: number): Generator<Page> {
  let dictionary: Page["dataPage"] | undefined;
  for (let seen = 0; seen < values && reader.offset < reader.view.byteLength - 1;) {
    const header = parquetHeader(reader);
    const size = header.compressed_page_size;
    const bytes = new Uint8Array(reader.view.buffer, reader.view.byteOffset + reader.offset, size);
    reader.offset += size;
    const unpacked = (): Uint8Array =>
      decompressPage(bytes, header.uncompressed_page_size, decoder.codec, decoder.compressors);
    const { data_page_header: page, data_page_header_v2: page2, dictionary_page_header: entries } = header;
    if (entries !== undefined) {
      const { buffer, byteOffset, byteLength } = unpacked();
      const at = { view: new DataView(buffer, byteOffset, byteLength), offset: 0 };
      const plain = readPlain(at, decoder.type, entries.num_values, decoder.element.type_length);
      dictionary = convert(plain, decoder);
    } else if (page !== undefined || page2 !== undefined) {
      const found =
        page === undefined ? readDataPageV2(bytes, header, decoder) : readDataPage(unpacked(), page, decoder);
      const encoding = (page ?? page2)?.encoding ?? "PLAIN";
      seen += (page ?? page2)?.num_values ?? 0;
      yield { ...found, dataPage: convertWithDictionary(found.dataPage, dictionary, encoding, decoder) };
    }
  }
}

/** Puts the entries of pages where they belong: "Nested Encoding" of the Parquet format. */
class Fill {
  readonly #into: LeafColumn;
  readonly #end: number;
  /** The definition level of a value that is not null. */
  readonly #full: number;
  /** The definition level of an entry of the repeated field; undefined where none is repeated. */
  readonly #entry: number | undefined;
  #row: number;

  constructor(path: SchemaPath, into: LeafColumn, firstRow: number, rows: number) {
    this.#into = into;
    this.#row = firstRow;
    this.#end = firstRow + rows;
    this.#full = getMaxDefinitionLevel(path);
    const repeated = path.findIndex(({ element }) => element.repetition_type === "REPEATED");
    if (getMaxRepetitionLevel(path) > 1) throw new RangeError("a column holds lists of lists");
    this.#entry = repeated < 0 ? undefined : getMaxDefinitionLevel(path.slice(0, repeated + 1));
  }

  add(page: Page): void {
    if (this.#entry === undefined) this.#addValues(page);
    else this.#addEntries(page, this.#entry);
  }

  #addValues({ definitionLevels, dataPage }: Page): void {
    const { values, levels } = this.#into;
    const given = definitionLevels !== undefined && definitionLevels.length > 0 ? definitionLevels : undefined;
    const count = given?.length ?? dataPage.length;
    if (this.#row + count > this.#end) throw new RangeError("a column has more values than rows");
    for (let i = 0, next = 0; i < count; i++) {
      const level = given === undefined ? this.#full : (given[i] as number);
      levels[this.#row] = level;
      if (level === this.#full) values[this.#row] = plain(dataPage[next++]);
      this.#row += 1;
    }
  }

  #addEntries({ definitionLevels, repetitionLevels, dataPage }: Page, entry: number): void {
    const { values, levels } = this.#into;
    for (let i = 0, next = 0; i < repetitionLevels.length; i++) {
      const level = definitionLevels?.[i] ?? this.#full;
      if (repetitionLevels[i] === 0) {
        if (this.#row >= this.#end) throw new RangeError("a column has more values than rows");
        levels[this.#row] = level;
        if (level >= entry - 1) values[this.#row] = [];
        this.#row += 1;
      }
      if (level < entry) continue;
      const items = values[this.#row - 1];
      if (!Array.isArray(items)) throw new RangeError("a column goes on with a list that did not begin");
      items.push(level === this.#full ? plain(dataPage[next++]) : null);
    }
  }

  finish(): void {
    if (this.#row !== this.#end) throw new RangeError(`a column lacks ${this.#end - this.#row} of its rows`);
  }
}

const plain = (value: unknown): unknown => (typeof value === "bigint" ? Number(value) : value);
