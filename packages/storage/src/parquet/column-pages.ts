import { crc32 } from "node:zlib";
import type { ColumnMetaData } from "hyparquet";
import { deserializeTCompactProtocol } from "hyparquet/src/thrift.js";
import { decompressors, largestPage } from "./decompress.ts";

/** A page of a column without repeated fields. */
export interface ColumnPage {
  readonly kind: "dictionary" | "data";
  /** Nulls included. */
  readonly values: number;
  /** By the number of the format. */
  readonly encoding: number;
  /** The definition levels as runs; undefined in a dictionary, and in a column without nulls. */
  readonly levels: Uint8Array | undefined;
  /** What follows the levels, uncompressed. */
  readonly bytes: Uint8Array;
}

/** `PageHeader` of the Parquet format; its parts by their numbers. */
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
  readonly field_8?: {
    readonly field_1?: number;
    readonly field_4?: number;
    readonly field_5?: number;
    readonly field_6?: number;
    readonly field_7?: boolean;
  };
}

/**
 * The pages of a column chunk. Counts and sizes are held to the chunk's before they are believed, and checksums, where
 * there are any, to the bytes.
 *
 * @throws RangeError
 */
export function* columnPages(chunk: ColumnMetaData, bytes: Uint8Array, isNullable: boolean): Generator<ColumnPage> {
  const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
  const expected = Number(chunk.num_values);
  let values = 0;
  while (values < expected) {
    if (reader.offset >= bytes.byteLength)
      throw new RangeError(`the pages of a column have ${values} of ${expected} values`);
    const header = deserializeTCompactProtocol(reader) as PageHeader;
    const { field_2: unpacked = -1, field_3: packed = -1, field_4: checksum } = header;
    const body = bytes.subarray(reader.offset, reader.offset + packed);
    if (unpacked < 0 || unpacked > largestPage || packed < 0 || body.byteLength !== packed) {
      throw new RangeError("a page has an impossible size");
    }
    if (checksum !== undefined && crc32(body) !== checksum >>> 0) throw new RangeError("a page fails its checksum");
    reader.offset += packed;
    const page = pageOf(header, body, unpacked, chunk.codec, isNullable);
    if (page === undefined) continue;
    if (page.values < 0 || (page.kind === "dictionary" && page.values > unpacked * 8)) {
      throw new RangeError("a page has an impossible count");
    }
    if (page.kind === "data") values += page.values;
    if (values > expected) throw new RangeError(`the pages of a column have more than ${expected} values`);
    yield page;
  }
}

function pageOf(
  header: PageHeader,
  body: Uint8Array,
  unpacked: number,
  codec: ColumnMetaData["codec"],
  isNullable: boolean,
): ColumnPage | undefined {
  const { field_5: v1, field_7: dictionary, field_8: v2 } = header;
  if (dictionary !== undefined) {
    const bytes = unpackedBytes(body, unpacked, codec);
    return { kind: "dictionary", values: dictionary.field_1 ?? -1, encoding: 0, levels: undefined, bytes };
  }
  if (v1 !== undefined) {
    const bytes = unpackedBytes(body, unpacked, codec);
    const facts = { kind: "data", values: v1.field_1 ?? -1, encoding: v1.field_2 ?? 0 } as const;
    if (!isNullable) return { ...facts, levels: undefined, bytes };
    const length = bytes.byteLength < 4 ? -1 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    if (length < 0 || 4 + length > bytes.byteLength) throw new RangeError("a page has impossible levels");
    return { ...facts, levels: bytes.subarray(4, 4 + length), bytes: bytes.subarray(4 + length) };
  }
  if (v2 === undefined) return undefined;
  const { field_1: values = -1, field_4: encoding = 0, field_5: definitions = 0, field_6: repetitions = 0 } = v2;
  if (definitions < 0 || repetitions !== 0 || definitions > Math.min(body.byteLength, unpacked)) {
    throw new RangeError("a page has impossible levels");
  }
  const rest = body.subarray(definitions);
  const bytes = v2.field_7 === false ? rest : unpackedBytes(rest, unpacked - definitions, codec);
  return { kind: "data", values, encoding, levels: isNullable ? body.subarray(0, definitions) : undefined, bytes };
}

function unpackedBytes(body: Uint8Array, size: number, codec: ColumnMetaData["codec"]): Uint8Array {
  if (codec !== "UNCOMPRESSED")
    return (decompressors[codec] as NonNullable<(typeof decompressors)["ZSTD"]>)(body, size);
  if (body.byteLength !== size) throw new RangeError(`a page has ${body.byteLength} bytes, not ${size}`);
  return body;
}
