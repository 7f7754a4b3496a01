import { readVarInt } from "hyparquet/src/thrift.js";

/** Writers fill the last group of a bit-packed run up: to 8 values as a rule, to 256 in DuckDB. */
const padding = 1024;

/**
 * Numbers from the hybrid of run lengths and bit packing of the Parquet format ("RLE / Bit-Packing Hybrid", encoding 3).
 *
 * @param width the bits of each, up to 32
 * @throws RangeError for bytes that do not hold so many
 */
export function decodeRuns(bytes: Uint8Array, width: number, count: number): Int32Array {
  if (width > 32) throw new RangeError(`a page has values of ${width} bits`);
  const values = new Int32Array(count);
  const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
  for (let at = 0; at < count;) {
    const header = readVarInt(reader) >>> 0;
    const isPacked = (header & 1) === 1;
    const length = isPacked ? (header >>> 1) * 8 : header >>> 1;
    const size = isPacked ? (header >>> 1) * width : (width + 7) >> 3;
    if (length === 0 || length > count + padding)
      throw new RangeError(`a page of ${count} values has a run of ${length}`);
    const end = Math.min(count, at + length);
    // Of a run that goes beyond the last value the bytes may be left out.
    const needed = isPacked ? Math.ceil(((end - at) * width) / 8) : size;
    if (reader.offset + needed > bytes.byteLength) throw new RangeError("a page ends within a run");
    if (isPacked) unpack(bytes, reader.offset, width, values, at, end);
    else values.fill(repeated(bytes, reader.offset, size), at, end);
    reader.offset += size;
    at = end;
  }
  return values;
}

function repeated(bytes: Uint8Array, start: number, size: number): number {
  let value = 0;
  for (let i = 0; i < size; i++) value |= (bytes[start + i] as number) << (8 * i);
  return value;
}

/** By words of 32 bits, of which a value takes part of one or of two. */
function unpack(bytes: Uint8Array, start: number, width: number, into: Int32Array, from: number, end: number): void {
  const size = Math.min(bytes.byteLength - start, Math.ceil(((end - from) * width) / 8));
  const words = new Int32Array((size >> 2) + 2);
  new Uint8Array(words.buffer).set(bytes.subarray(start, start + size));
  const mask = width === 32 ? -1 : 2 ** width - 1;
  for (let index = from, bit = 0; index < end; index++, bit += width) {
    const at = bit >>> 5;
    const shift = bit & 31;
    const low = (words[at] as number) >>> shift;
    into[index] = (shift === 0 ? low : low | ((words[at + 1] as number) << (32 - shift))) & mask;
  }
}
