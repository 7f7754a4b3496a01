import type { Data, RecordBatch, Schema } from "apache-arrow";
import type { ColumnMetaData, SchemaElement } from "hyparquet";
import { readVarInt } from "hyparquet/src/thrift.js";
import { arrayOf, bitmapBytes } from "./array.ts";
import { arrowTypeOf } from "./arrow-type.ts";
import { batchOf } from "./batch.ts";
import { type ColumnPage, columnPages } from "./column-pages.ts";
import { type ColumnType, isDecimal } from "./column-type.ts";
import { decompressors } from "./decompress.ts";
import { DenseBits, type DenseBuffers, DenseBytes, type DenseValues, DenseWords, LargeColumn } from "./dense-values.ts";
import type { FileNode, LeafNode } from "./file-schema.ts";
import { corrupt, type Footer } from "./footer.ts";
import { setBits } from "./bits.ts";
import { RunDecoder } from "./run-decode.ts";
import type { ParquetSource } from "./source.ts";

/** Bytes and rows of a row group that is decoded whole, at most. */
const largestGroup = { bytes: 64 * 1024 * 1024, rows: 1_048_576 };

const batchRows = 65_536;

const encodings: ReadonlySet<string> = new Set(["PLAIN", "RLE", "PLAIN_DICTIONARY", "RLE_DICTIONARY"]);

/** Column chunks to read, by row group and column. */
export interface FlatPlan {
  readonly schema: Schema;
  readonly columns: readonly LeafNode[];
  readonly groups: readonly { readonly rows: number; readonly chunks: readonly ColumnMetaData[] }[];
}

/**
 * What `readFlat` is to read; undefined where a column has parts, or is stored in a way that it does not know, or a row
 * group is too large to be held.
 */
export function flatPlan(footer: Footer, schema: Schema): FlatPlan | undefined {
  const columns = schema.fields.map(({ name }) => footer.columns.find((node) => node.name === name));
  const isKnown = (node: FileNode | undefined): node is LeafNode => node !== undefined && isFlatLeaf(node, footer);
  if (!columns.every(isKnown)) return undefined;
  const planned = footer.metadata.row_groups.flatMap((group) => {
    const rows = Number(group.num_rows);
    return rows === 0 ? [] : [{ rows, chunks: columns.flatMap(({ name }) => chunkOf(group.columns, name) ?? []) }];
  });
  const isWhole = planned.every(({ rows, chunks }) => {
    const bytes = chunks.reduce((sum, chunk) => sum + Number(chunk.total_uncompressed_size), 0);
    return (
      chunks.filter(isReadable).length === columns.length && bytes <= largestGroup.bytes && rows <= largestGroup.rows
    );
  });
  return isWhole ? { schema, columns, groups: planned } : undefined;
}

function chunkOf(
  columns: Footer["metadata"]["row_groups"][number]["columns"],
  name: string,
): ColumnMetaData | undefined {
  const chunk = columns.find(({ meta_data: data }) => data?.path_in_schema[0] === name);
  return chunk?.file_path === undefined ? chunk?.meta_data : undefined;
}

function isReadable(chunk: ColumnMetaData): boolean {
  if (!chunk.encodings.every((encoding) => encodings.has(encoding))) return false;
  return chunk.codec === "UNCOMPRESSED" || decompressors[chunk.codec] !== undefined;
}

const physicalTypes: Partial<Record<NonNullable<SchemaElement["type"]>, readonly ColumnType[]>> = {
  BOOLEAN: ["boolean"],
  INT32: ["byte", "short", "integer", "date"],
  INT64: ["long", "timestamp", "timestamp_ntz"],
  FLOAT: ["float"],
  DOUBLE: ["double"],
  BYTE_ARRAY: ["string", "binary"],
};

/** Whether the values stand in the file as they do in Arrow, but for their width. */
function isFlatLeaf(node: FileNode, footer: Footer): boolean {
  if (node.kind !== "leaf" || node.nanoseconds) return false;
  const element = elementOf(footer, node.name);
  const { type, repetition_type: repetition } = element ?? {};
  if (type === undefined || repetition === "REPEATED") return false;
  // An unsigned integer of 64 bits is read as a decimal, and has another sign.
  if (isDecimal(node.type)) return isSignedDecimal(element) && (type === "INT32" || type === "INT64");
  const isPlain = node.decode === undefined || node.type === "string";
  return isPlain && physicalTypes[type]?.includes(node.type) === true;
}

const isSignedDecimal = (element: SchemaElement | undefined): boolean =>
  element?.logical_type?.type === "DECIMAL" || element?.converted_type === "DECIMAL";

/** A column without parts has one element of its name below the root. */
function elementOf(footer: Footer, name: string): SchemaElement | undefined {
  const [, ...elements] = footer.metadata.schema;
  const found = elements.filter((element) => element.name === name && element.num_children === undefined);
  return found.length === 1 ? found[0] : undefined;
}

/**
 * Streams flat columns into Arrow arrays, in JavaScript and without making a value of a number. The bytes of the next row
 * group are read while one is decoded.
 *
 * @throws PARQUET_CORRUPT, LargeColumn at a row group that has to be streamed
 */
export async function* readFlat(
  source: ParquetSource,
  { schema, columns, groups }: FlatPlan,
  signal?: AbortSignal,
): AsyncGenerator<RecordBatch> {
  let next = groups[0] && readChunks(source, groups[0].chunks);
  const runs = new RunDecoder();
  try {
    for (const [index, group] of groups.entries()) {
      signal?.throwIfAborted();
      const bytes = (await next) ?? [];
      const following = groups[index + 1];
      next = following && readChunks(source, following.chunks);
      const arrays = columns.map((column, at) =>
        decodeChunk(column, group.chunks[at] as ColumnMetaData, bytes[at] as Uint8Array, group.rows, runs),
      );
      const batch = batchOf(schema, arrays, group.rows);
      if (group.rows <= 2 * batchRows) yield batch;
      else for (let row = 0; row < group.rows; row += batchRows) yield batch.slice(row, row + batchRows) as RecordBatch;
    }
  } catch (cause) {
    signal?.throwIfAborted();
    throw cause instanceof LargeColumn ? cause : corrupt(source.name, cause);
  } finally {
    await next?.catch(() => undefined);
  }
}

/** Bytes between columns that are read with them, and bytes that are read together, at most. */
const [largestGap, largestRead] = [16 * 1024, 16 * 1024 * 1024];

interface Range {
  readonly start: number;
  readonly end: number;
}

/** The bytes of columns; of neighbours by one read. */
function readChunks(source: ParquetSource, chunks: readonly ColumnMetaData[]): Promise<Uint8Array[]> {
  const reading = (async () => {
    const ranges = chunks.map((chunk) => rangeOf(chunk, source));
    const wide: Range[] = [];
    for (const { start, end } of ranges.toSorted((a, b) => a.start - b.start)) {
      const last = wide.at(-1);
      const isNear = last !== undefined && start - last.end <= largestGap && end - last.start <= largestRead;
      if (isNear) wide[wide.length - 1] = { start: last.start, end: Math.max(last.end, end) };
      else wide.push({ start, end });
    }
    const read = await Promise.all(wide.map(({ start, end }) => source.read(start, end)));
    return ranges.map(({ start, end }) => {
      const at = wide.findIndex((range) => range.start <= start && end <= range.end);
      const from = start - (wide[at] as Range).start;
      const bytes = (read[at] as Uint8Array).subarray(from, from + end - start);
      if (bytes.byteLength !== end - start) throw new RangeError("the file ends within a column");
      return bytes;
    });
  })();
  // It is awaited when its turn comes.
  reading.catch(() => undefined);
  return reading;
}

/** Where a column stands. @throws RangeError */
function rangeOf(chunk: ColumnMetaData, source: ParquetSource): Range {
  const { data_page_offset: data, dictionary_page_offset: dictionary, total_compressed_size: length } = chunk;
  const start = Number(dictionary !== undefined && dictionary > 0n && dictionary < data ? dictionary : data);
  const end = start + Number(length);
  if (start < 0 || end < start || end > source.size) throw new RangeError("a column lies outside the file");
  return { start, end };
}

const plain = 0;
const runLengths = 3;
/** `PLAIN_DICTIONARY` and `RLE_DICTIONARY`. */
const dictionaryEncodings: ReadonlySet<number> = new Set([2, 8]);

/** @throws RangeError */
function decodeChunk(
  { name, type, nullable }: LeafNode,
  chunk: ColumnMetaData,
  bytes: Uint8Array,
  rows: number,
  runs: RunDecoder,
): Data {
  if (Number(chunk.num_values) !== rows) {
    throw new RangeError(`its column "${name}" has ${chunk.num_values} of ${rows} rows`);
  }
  const values = valuesFor(type, chunk, rows);
  const validity = new Validity(rows, runs);
  for (const page of columnPages(chunk, bytes, nullable)) {
    if (page.kind === "dictionary") {
      values.dictionary(page.bytes, page.values);
      continue;
    }
    const present = validity.add(page.levels, page.values);
    if (page.encoding === plain) values.plain(page.bytes, present);
    else if (present > 0) values.codes(codesOf(page, type, present, runs));
  }
  const { nulls, bits } = validity;
  const isValid =
    nulls === 0 ? undefined : (row: number): boolean => ((bits[row >> 3] as number) >> (row & 7)) % 2 === 1;
  const buffers = values.finish(rows, isValid);
  return arrayOf({
    type: arrowTypeOf(type),
    length: rows,
    nullCount: nulls,
    ...(nulls === 0 ? {} : { nullBitmap: bits }),
    ...arrowBuffers(type, chunk, buffers),
  });
}

/** Numbers of entries; of booleans, the values themselves, after their length in bytes. @throws RangeError */
function codesOf({ encoding, bytes }: ColumnPage, type: ColumnType, count: number, runs: RunDecoder): Int32Array {
  if (type === "boolean" && encoding === runLengths) return runs.decode(bytes.subarray(4), 1, count);
  if (type === "boolean" || !dictionaryEncodings.has(encoding)) {
    throw new RangeError(`a page has the encoding ${encoding}, which its column does not name`);
  }
  return runs.decode(bytes.subarray(1), bytes[0] ?? 33, count);
}

function valuesFor(type: ColumnType, { type: physical }: ColumnMetaData, rows: number): DenseValues {
  if (type === "boolean") return new DenseBits(rows);
  if (type === "string" || type === "binary") return new DenseBytes(type === "string", rows);
  return new DenseWords(physical === "INT64" || physical === "DOUBLE" ? 2 : 1, rows);
}

/** In the width that Arrow has them in. */
function arrowBuffers(
  type: ColumnType,
  { type: physical }: ColumnMetaData,
  { data, valueOffsets }: DenseBuffers,
): { readonly data: ArrayBufferView; readonly valueOffsets?: Int32Array } {
  if (valueOffsets !== undefined) return { data, valueOffsets };
  const { buffer } = data;
  if (isDecimal(type)) return { data: wideDecimals(new Int32Array(buffer), physical === "INT64" ? 2 : 1) };
  switch (type) {
    case "byte":
      return { data: Int8Array.from(new Int32Array(buffer)) };
    case "short":
      return { data: Int16Array.from(new Int32Array(buffer)) };
    case "integer":
    case "date":
      return { data: new Int32Array(buffer) };
    case "float":
      return { data: new Float32Array(buffer) };
    case "double":
      return { data: new Float64Array(buffer) };
    case "boolean":
      return { data };
    default:
      return { data: new BigInt64Array(buffer) };
  }
}

/** 128 bits each, the sign carried on. */
function wideDecimals(words: Int32Array, width: 1 | 2): Uint32Array {
  const wide = new Uint32Array((words.length / width) * 4);
  for (let row = 0; row * width < words.length; row++) {
    const low = words[row * width] as number;
    const high = width === 1 ? low >> 31 : (words[row * 2 + 1] as number);
    wide[row * 4] = low;
    wide[row * 4 + 1] = high;
    wide[row * 4 + 2] = wide[row * 4 + 3] = high >> 31;
  }
  return wide;
}

/** Whether the levels are one run of as many ones, as they are where there is no null. */
function isOnes(levels: Uint8Array, count: number): boolean {
  const reader = { view: new DataView(levels.buffer, levels.byteOffset, levels.byteLength), offset: 0 };
  const header = levels.byteLength < 2 ? 1 : readVarInt(reader);
  return header === count * 2 && levels[reader.offset] === 1;
}

/** Which rows are not null, page after page. */
class Validity {
  nulls = 0;
  /** Right where there are nulls. */
  readonly bits: Uint8Array;
  readonly #runs: RunDecoder;
  #rows = 0;

  constructor(rows: number, runs: RunDecoder) {
    this.#runs = runs;
    this.bits = new Uint8Array(bitmapBytes(rows));
  }

  /** @returns how many values are there. @throws RangeError */
  add(levels: Uint8Array | undefined, count: number): number {
    const start = this.#rows;
    this.#rows += count;
    if (levels === undefined || isOnes(levels, count)) {
      setBits(this.bits, start, this.#rows);
      return count;
    }
    const runs = this.#runs.decode(levels, 1, count);
    let present = 0;
    for (let index = 0; index < count; index++) {
      if (runs[index] !== 1) continue;
      const row = start + index;
      this.bits[row >> 3] = (this.bits[row >> 3] as number) | (1 << (row & 7));
      present += 1;
    }
    this.nulls += count - present;
    return present;
  }
}
