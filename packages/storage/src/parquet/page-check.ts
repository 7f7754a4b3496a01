import { crc32 } from "node:zlib";
import { type AsyncBuffer, type ColumnMetaData, type Compressors, type FileMetaData, parquetSchema } from "hyparquet";
import { getMaxDefinitionLevel, getMaxRepetitionLevel, getTreePath } from "hyparquet/src/schema.js";
import { deserializeTCompactProtocol } from "hyparquet/src/thrift.js";
import { DecodedPages } from "./decoded-pages.ts";
import { largestPage } from "./decompress.ts";
import { checkRuns, checkSizedRuns } from "./page-runs.ts";

/** A column chunk and the rows of its row group: a column without repeated fields must have a value for each. */
export interface ChunkOfRows {
  readonly chunk: ColumnMetaData;
  readonly rows: number;
}

/** What the library is given in place of the file, and to read the pages of the checked chunks with. */
export interface CheckedChunks {
  readonly file: AsyncBuffer;
  readonly compressors: Compressors;
}

/**
 * Reads column chunks and walks the headers of their pages and the runs within, so that a damaged one is found before its
 * counts and sizes are believed: counts must add up to the footer's, no run be longer than its page, and checksums, where
 * there are any, must be right.
 *
 * @throws RangeError
 */
export async function checkedChunks(
  file: AsyncBuffer,
  schema: FileMetaData["schema"],
  chunks: readonly ChunkOfRows[],
): Promise<CheckedChunks> {
  const held: { readonly start: number; readonly bytes: ArrayBuffer }[] = [];
  const pages = new DecodedPages();
  const tree = parquetSchema({ schema } as FileMetaData);
  for (const { chunk, rows } of chunks) {
    const { start, end } = rangeOf(chunk, file.byteLength);
    const bytes = await file.slice(start, end);
    if (bytes.byteLength !== end - start) throw new RangeError("the file ends within a column");
    const path = getTreePath(tree, chunk.path_in_schema);
    const column = { ...chunk, repetition: getMaxRepetitionLevel(path), definition: getMaxDefinitionLevel(path) };
    checkPages(column, new Uint8Array(bytes), rows, pages);
    held.push({ start, bytes });
  }
  return { file: withHeld(file, held), compressors: pages.compressors };
}

function withHeld(
  file: AsyncBuffer,
  held: readonly { readonly start: number; readonly bytes: ArrayBuffer }[],
): AsyncBuffer {
  return {
    byteLength: file.byteLength,
    async slice(start, end = file.byteLength) {
      const chunk = held.find((one) => one.start <= start && end <= one.start + one.bytes.byteLength);
      return chunk === undefined ? file.slice(start, end) : chunk.bytes.slice(start - chunk.start, end - chunk.start);
    },
  };
}

function rangeOf(chunk: ColumnMetaData, size: number): { readonly start: number; readonly end: number } {
  const { data_page_offset: data, dictionary_page_offset: dictionary, total_compressed_size: length } = chunk;
  const start = Number(dictionary !== undefined && dictionary > 0n && dictionary < data ? dictionary : data);
  const end = start + Number(length);
  if (start < 0 || end < start || end > size) throw new RangeError("a column lies outside the file");
  return { start, end };
}

/** `PageHeader` of the Parquet format. */
interface PageHeader {
  readonly field_1?: number;
  readonly field_2?: number;
  readonly field_3?: number;
  readonly field_4?: number;
  /** `DataPageHeader` */
  readonly field_5?: { readonly field_1?: number; readonly field_2?: number };
  /** `DictionaryPageHeader` */
  readonly field_7?: { readonly field_1?: number };
  /** `DataPageHeaderV2` */
  readonly field_8?: DataPageV2;
}

interface DataPageV2 {
  readonly field_1?: number;
  readonly field_4?: number;
  readonly field_5?: number;
  readonly field_6?: number;
  readonly field_7?: boolean;
}

const dictionaryPage = 2;

interface Column extends ColumnMetaData {
  /** The greatest levels of its values. */
  readonly repetition: number;
  readonly definition: number;
}

/** @throws RangeError */
function checkPages(column: Column, bytes: Uint8Array, rows: number, pages: DecodedPages): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const expected = Number(column.num_values);
  if (column.repetition === 0 && expected !== rows) {
    throw new RangeError(`a column has ${expected} of ${rows} values`);
  }
  const reader = { view, offset: 0 };
  let values = 0;
  while (values < expected && reader.offset < bytes.byteLength) {
    const header = deserializeTCompactProtocol(reader) as PageHeader;
    const { field_1: type, field_2: unpacked = -1, field_3: packed = -1, field_4: checksum } = header;
    const body = bytes.subarray(reader.offset, reader.offset + packed);
    if (unpacked < 0 || unpacked > largestPage || packed < 0 || body.byteLength !== packed) {
      throw new RangeError("a page has an impossible size");
    }
    if (checksum !== undefined && crc32(body) !== checksum >>> 0) throw new RangeError("a page fails its checksum");
    const count = (header.field_5 ?? header.field_8 ?? header.field_7)?.field_1 ?? 0;
    if (count < 0 || (type === dictionaryPage && count > unpacked * 8))
      throw new RangeError("a page has an impossible count");
    if (type !== dictionaryPage) values += count;
    if (values > expected) break;
    if (header.field_5)
      checkPage(column, pages.decompress(column.codec, body, unpacked), count, header.field_5.field_2);
    else if (header.field_8) checkPageV2(column, body, unpacked, header.field_8, pages);
    reader.offset += packed;
  }
  if (values !== expected) throw new RangeError(`the pages of a column have ${values} of ${expected} values`);
}

const rle = 3;
/** `PLAIN_DICTIONARY` and `RLE_DICTIONARY`. */
const dictionaryEncodings: ReadonlySet<number> = new Set([2, 8]);

function checkPage(column: Column, page: Uint8Array, values: number, encoding = 0): void {
  const reader = { view: new DataView(page.buffer, page.byteOffset, page.byteLength), offset: 0 };
  for (const level of [column.repetition, column.definition]) {
    if (level > 0) checkSizedRuns(reader, widthOf(level), values);
  }
  checkValues(column, reader, values, encoding);
}

function checkPageV2(column: Column, body: Uint8Array, unpacked: number, page: DataPageV2, pages: DecodedPages): void {
  const { field_1: values = 0, field_4: encoding = 0, field_5: definitions = 0, field_6: repetitions = 0 } = page;
  const levels = definitions + repetitions;
  if (definitions < 0 || repetitions < 0 || levels > Math.min(body.byteLength, unpacked)) {
    throw new RangeError("a page has impossible levels");
  }
  const runs = (start: number, length: number, level: number): void => {
    const view = new DataView(body.buffer, body.byteOffset + start, length);
    if (level > 0) checkRuns({ view, offset: 0 }, widthOf(level), values);
  };
  runs(0, repetitions, column.repetition);
  runs(repetitions, definitions, column.definition);
  const rest = body.subarray(levels);
  const inner = page.field_7 === false ? rest : pages.decompress(column.codec, rest, unpacked - levels);
  const reader = { view: new DataView(inner.buffer, inner.byteOffset, inner.byteLength), offset: 0 };
  checkValues(column, reader, values, encoding);
}

function checkValues(
  { type }: Column,
  reader: { readonly view: DataView; offset: number },
  values: number,
  encoding: number,
): void {
  if (reader.offset >= reader.view.byteLength) return;
  if (type === "BOOLEAN" && encoding === rle) checkSizedRuns(reader, 1, values);
  else if (dictionaryEncodings.has(encoding) || encoding === rle) {
    const width = reader.view.getUint8(reader.offset++);
    checkRuns(reader, width, values);
  }
}

const widthOf = (level: number): number => 32 - Math.clz32(level);
