import { crc32 } from "node:zlib";
import { ByteWriter } from "hyparquet-writer";
import { serializeTCompactProtocol } from "hyparquet-writer/src/thrift.js";
import { compressPage, compressPageNow } from "./compress.ts";
import type { RawPage } from "./flat-column.ts";
import type { Compression } from "./port.ts";

/** A page as it stands in a file. */
export interface PageBytes {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Its header and what it would have been uncompressed. */
  readonly unpacked: number;
}

const plain = 0;
const runLengths = 3;
const dictionaryCodes = 8;

/** Compressed in a thread of Node's pool where it is large. */
export async function pageBytes(page: RawPage, compression: Compression): Promise<PageBytes> {
  return framed(page, await compressPage(page.bytes, compression));
}

/** The same at once. */
export function pageBytesNow(page: RawPage, compression: Compression): PageBytes {
  return framed(page, compressPageNow(page.bytes, compression));
}

/** "Data Pages" and `PageHeader` of the Parquet format, version 1. */
function framed(page: RawPage, body: Uint8Array): PageBytes {
  const header = new ByteWriter(64);
  const isDictionary = page.kind === "dictionary";
  serializeTCompactProtocol(header, {
    field_1: isDictionary ? 2 : 0,
    field_2: page.bytes.byteLength,
    field_3: body.byteLength,
    field_4: crc32(body) | 0,
    ...(isDictionary
      ? { field_7: { field_1: page.values, field_2: plain } }
      : {
          field_5: {
            field_1: page.values,
            field_2: page.isCoded ? dictionaryCodes : plain,
            field_3: runLengths,
            field_4: runLengths,
          },
        }),
  });
  const bytes = new Uint8Array(header.index + body.byteLength);
  bytes.set(header.getBytes());
  bytes.set(body, header.index);
  return { bytes, unpacked: header.index + page.bytes.byteLength };
}
