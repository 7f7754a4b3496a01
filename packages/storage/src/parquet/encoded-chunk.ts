import type { ColumnMetaData, SchemaElement } from "hyparquet";
import { ColumnBounds as SeenValues } from "./column-bounds.ts";
import { parquetCompressions } from "./compress.ts";
import type { RawChunk } from "./flat-column.ts";
import { type PageBytes, pageBytes, pageBytesNow } from "./page-bytes.ts";
import type { ColumnBounds, Compression } from "./port.ts";

/** The part of one column in a row group, as it stands in a file. Structured cloning keeps all of it. */
export interface EncodedChunk extends Omit<RawChunk, "pages"> {
  readonly pages: readonly PageBytes[];
  readonly isCoded: boolean;
}

/** Pages that are compressed at the same time: each takes the memory of a compressor. */
const pagesAtOnce = 2;

const encoded = ({ pages: raw, ...chunk }: RawChunk, pages: readonly PageBytes[]): EncodedChunk => ({
  ...chunk,
  pages,
  isCoded: raw[0]?.kind === "dictionary",
});

/** Compresses the pages of columns in threads of Node's pool. */
export async function compressChunks(
  chunks: readonly RawChunk[],
  compression: Compression,
): Promise<readonly EncodedChunk[]> {
  const raw = chunks.flatMap(({ pages }) => pages);
  const pages: PageBytes[] = [];
  for (let at = 0; at < raw.length; at += pagesAtOnce) {
    const some = raw.slice(at, at + pagesAtOnce).map((page) => pageBytes(page, compression));
    pages.push(...(await Promise.all(some)));
  }
  return chunks.map((chunk) => encoded(chunk, pages.splice(0, chunk.pages.length)));
}

/** Compresses the pages of a column at once. */
export function compressChunk(chunk: RawChunk, compression: Compression): EncodedChunk {
  return encoded(
    chunk,
    chunk.pages.map((page) => pageBytesNow(page, compression)),
  );
}

/**
 * What the footer says of it.
 *
 * @param start where it begins in the file
 */
export function chunkMetadata(
  { rows, nulls, bounds, pages, isCoded }: EncodedChunk,
  element: SchemaElement,
  start: number,
  compression: Compression,
): ColumnMetaData {
  const first = pages[0]?.bytes.byteLength ?? 0;
  const statistics = { null_count: BigInt(nulls), ...statisticsOf(bounds) };
  return {
    type: element.type ?? "BYTE_ARRAY",
    encodings: isCoded ? ["PLAIN", "RLE", "RLE_DICTIONARY"] : ["PLAIN", "RLE"],
    path_in_schema: [element.name],
    codec: parquetCompressions[compression],
    num_values: BigInt(rows),
    total_uncompressed_size: BigInt(pages.reduce((sum, page) => sum + page.unpacked, 0)),
    total_compressed_size: BigInt(pages.reduce((sum, page) => sum + page.bytes.byteLength, 0)),
    data_page_offset: BigInt(isCoded ? start + first : start),
    ...(isCoded ? { dictionary_page_offset: BigInt(start) } : {}),
    statistics: statistics as NonNullable<ColumnMetaData["statistics"]>,
  };
}

/** "Statistics" of the format: none where there is a NaN; a zero may stand for the other one. */
function statisticsOf(bounds: RawChunk["bounds"]): object {
  const { min, max } = validBounds(bounds);
  if (min === undefined || max === undefined) return {};
  return { min_value: min === 0 ? -0 : min, max_value: Object.is(max, -0) ? 0 : max };
}

function validBounds(seen: RawChunk["bounds"]): Pick<ColumnBounds, "min" | "max"> {
  if (seen === undefined || seen.unordered || seen.min === undefined || seen.max === undefined) return {};
  return { min: seen.min, max: seen.max };
}

/** What a file says of one column: of all its row groups. */
export class ColumnTotal {
  readonly #seen = new SeenValues();
  #nulls = 0;

  add({ nulls, bounds }: EncodedChunk): void {
    this.#nulls += nulls;
    if (bounds !== undefined) this.#seen.merge(bounds);
  }

  get bounds(): ColumnBounds {
    return { nulls: this.#nulls, ...validBounds(this.#seen) };
  }
}
