import { crc32 } from "node:zlib";
import type { ColumnMetaData, FileMetaData } from "hyparquet";
import { deserializeTCompactProtocol } from "hyparquet/src/thrift.js";
import { largestPage } from "./decompress.ts";
import type { FileNode } from "./file-schema.ts";
import { asyncBuffer } from "./footer.ts";
import type { ParquetSource } from "./source.ts";

/**
 * Reads the chunks of one column of a row group and walks the headers of their pages, so that a damaged header is found
 * before its counts and sizes are believed: counts must add up to the footer's, and checksums, where there are any, must
 * be right. Gives the library a file in which these chunks are at hand.
 */
export async function checkedChunks(
  source: ParquetSource,
  metadata: FileMetaData,
  group: number,
  node: FileNode,
  rows: number,
): Promise<ReturnType<typeof asyncBuffer>> {
  const chunks = (metadata.row_groups[group]?.columns ?? []).flatMap(({ meta_data: meta }) =>
    meta?.path_in_schema[0] === node.name ? [meta] : [],
  );
  const held: { readonly start: number; readonly bytes: Uint8Array }[] = [];
  for (const chunk of chunks) {
    const { start, end } = rangeOf(chunk, source.size);
    const bytes = await source.read(start, end);
    if (bytes.byteLength !== end - start) throw new RangeError("the file ends within a column");
    checkPages(chunk, bytes, node.kind === "leaf" ? rows : undefined);
    held.push({ start, bytes });
  }
  const file = asyncBuffer(source);
  return {
    byteLength: file.byteLength,
    async slice(start, end = file.byteLength) {
      const chunk = held.find((one) => one.start <= start && end <= one.start + one.bytes.byteLength);
      if (chunk === undefined) return file.slice(start, end);
      const from = chunk.bytes.byteOffset + start - chunk.start;
      return chunk.bytes.buffer.slice(from, from + end - start) as ArrayBuffer;
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

interface PageHeader {
  readonly field_1?: number;
  readonly field_2?: number;
  readonly field_3?: number;
  readonly field_4?: number;
  readonly field_5?: { readonly field_1?: number };
  readonly field_7?: { readonly field_1?: number };
  readonly field_8?: { readonly field_1?: number };
}

const dictionaryPage = 2;

/** `PageHeader` of the Parquet format. @throws RangeError */
function checkPages(chunk: ColumnMetaData, bytes: Uint8Array, rows: number | undefined): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const expected = Number(chunk.num_values);
  if (rows !== undefined && expected !== rows) throw new RangeError(`a column has ${expected} of ${rows} values`);
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
    reader.offset += packed;
  }
  if (values !== expected) throw new RangeError(`the pages of a column have ${values} of ${expected} values`);
}
