/** A run shorter than this is packed with its neighbours. */
const shortestRun = 8;

/** Writes numbers, column after column in the same memory. */
export class RunEncoder {
  #values: Int32Array = new Int32Array(0);
  #count = 0;
  #width = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  /** Room to pack in, by words and by bytes. */
  #words: Int32Array<ArrayBuffer> = new Int32Array(0);
  #packed: Uint8Array = new Uint8Array(0);
  #at = 0;

  /**
   * Numbers in the hybrid of run lengths and bit packing of the Parquet format ("RLE / Bit-Packing Hybrid", encoding 3),
   * without a length before them.
   *
   * @param width the number of bits of the greatest, 1 to 24
   * @returns bytes that stand until the next are written
   */
  encode(values: Int32Array, count: number, width: number): Uint8Array {
    this.#begin(values, count, width);
    let packed = 0;
    let at = 0;
    while (at < count) {
      const value = values[at];
      let end = at + 1;
      while (end < count && values[end] === value) end++;
      if (end - at < shortestRun) {
        // Packed values come in groups of eight; the last group may be filled up.
        at = Math.min(count, at + 8);
        continue;
      }
      this.#pack(packed, at);
      this.#repeat(value as number, end - at);
      packed = at = end;
    }
    this.#pack(packed, count);
    return this.#bytes.subarray(0, this.#at);
  }

  #begin(values: Int32Array, count: number, width: number): void {
    this.#values = values;
    this.#count = count;
    this.#width = width;
    this.#at = 0;
    const groups = Math.ceil(count / 8);
    // Eight values take their bits and a header, whether they are packed or repeated.
    const needed = groups * (width + 10) + 16;
    if (this.#bytes.length < needed) this.#bytes = new Uint8Array(needed);
    const words = Math.ceil((groups * width) / 4) + 1;
    if (this.#words.length >= words) return;
    this.#words = new Int32Array(words);
    this.#packed = new Uint8Array(this.#words.buffer);
  }

  #repeat(value: number, times: number): void {
    this.#at = writeVarint(this.#bytes, this.#at, times * 2);
    for (let bits = 0; bits < this.#width; bits += 8) this.#bytes[this.#at++] = (value >>> bits) & 0xff;
  }

  /** Values by words of 32 bits, of which one takes part of one or of two. */
  #pack(start: number, end: number): void {
    if (start === end) return;
    const groups = Math.ceil((end - start) / 8);
    const width = this.#width;
    const values = this.#values;
    const words = this.#words;
    const last = Math.min(this.#count, start + groups * 8);
    let [waiting, bits, word] = [0, 0, 0];
    for (let index = start; index < last; index++) {
      const value = values[index] as number;
      waiting |= value << bits;
      bits += width;
      if (bits < 32) continue;
      words[word++] = waiting;
      bits -= 32;
      waiting = bits === 0 ? 0 : value >>> (width - bits);
    }
    words[word] = waiting;
    words.fill(0, word + 1, Math.ceil((groups * width) / 4));
    const at = writeVarint(this.#bytes, this.#at, groups * 2 + 1);
    this.#bytes.set(this.#packed.subarray(0, groups * width), at);
    this.#at = at + groups * width;
  }
}

/** A bitmap, the first value in the lowest bit, as one packed run of one-bit numbers. */
export function encodeBits(bits: Uint8Array, count: number): Uint8Array {
  const bytes = Math.ceil(count / 8);
  const into = new Uint8Array(bytes + 5);
  const at = writeVarint(into, 0, (bytes << 1) | 1);
  into.set(bits.subarray(0, bytes), at);
  return into.subarray(0, at + bytes);
}

/** As many ones. */
export function encodeOnes(count: number): Uint8Array {
  const into = new Uint8Array(6);
  const at = writeVarint(into, 0, count * 2);
  into[at] = 1;
  return into.subarray(0, at + 1);
}

function writeVarint(into: Uint8Array, start: number, value: number): number {
  let at = start;
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) into[at++] = (rest & 0x7f) | 0x80;
  into[at++] = rest;
  return at;
}
