import { readVarInt } from "hyparquet/src/thrift.js";

/** Writers fill the last group of a bit-packed run up: to 8 values as a rule, to 256 in DuckDB. */
const padding = 1024;

/**
 * Reads numbers from the hybrid of run lengths and bit packing of the Parquet format ("RLE / Bit-Packing Hybrid",
 * encoding 3), column after column in the same memory.
 */
export class RunDecoder {
  #values = new Int32Array(0);
  #words = new Int32Array(0);

  /**
   * @param width the bits of each, up to 32
   * @returns the numbers, which stand until the next are decoded
   * @throws RangeError for bytes that do not hold so many
   */
  decode(bytes: Uint8Array, width: number, count: number): Int32Array {
    if (width > 32) throw new RangeError(`a page has values of ${width} bits`);
    if (this.#values.length < count) this.#values = new Int32Array(count);
    const values = this.#values.subarray(0, count);
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
      if (isPacked) this.#unpack(bytes.subarray(reader.offset), width, values.subarray(at, end));
      else values.fill(repeated(bytes, reader.offset, size), at, end);
      reader.offset += size;
      at = end;
    }
    return values;
  }

  /** By words of 32 bits, of which a value takes part of one or of two. */
  #unpack(bytes: Uint8Array, width: number, into: Int32Array): void {
    const size = Math.min(bytes.byteLength, Math.ceil((into.length * width) / 8));
    const needed = (size >> 2) + 2;
    if (this.#words.length < needed) this.#words = new Int32Array(needed);
    const words = this.#words;
    words.fill(0, needed - 2, needed);
    new Uint8Array(words.buffer).set(bytes.subarray(0, size));
    const mask = width === 32 ? -1 : 2 ** width - 1;
    for (let index = 0, bit = 0; index < into.length; index++, bit += width) {
      const at = bit >>> 5;
      const shift = bit & 31;
      const low = (words[at] as number) >>> shift;
      into[index] = (shift === 0 ? low : low | ((words[at + 1] as number) << (32 - shift))) & mask;
    }
  }
}

function repeated(bytes: Uint8Array, start: number, size: number): number {
  let value = 0;
  for (let i = 0; i < size; i++) value |= (bytes[start + i] as number) << (8 * i);
  return value;
}
