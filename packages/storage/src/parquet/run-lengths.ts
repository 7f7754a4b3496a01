/** A run shorter than this is packed with its neighbours. */
const shortestRun = 8;

/**
 * Numbers in the hybrid of run lengths and bit packing of the Parquet format ("RLE / Bit-Packing Hybrid", encoding 3),
 * without a length before them. `width` is the number of bits of the greatest, 1 to 24.
 */
export function encodeRuns(values: Int32Array, count: number, width: number): Uint8Array {
  const runs = new RunWriter(values, count, width);
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
    runs.pack(packed, at);
    runs.repeat(value as number, end - at);
    packed = at = end;
  }
  runs.pack(packed, count);
  return runs.finish();
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

class RunWriter {
  readonly #values: Int32Array;
  readonly #count: number;
  readonly #width: number;
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(values: Int32Array, count: number, width: number) {
    this.#values = values;
    this.#count = count;
    this.#width = width;
    // Eight values take their bits and a header, whether they are packed or repeated.
    this.#bytes = new Uint8Array(Math.ceil(count / 8) * (width + 10) + 16);
  }

  repeat(value: number, times: number): void {
    this.#at = writeVarint(this.#bytes, this.#at, times * 2);
    for (let bits = 0; bits < this.#width; bits += 8) this.#bytes[this.#at++] = (value >>> bits) & 0xff;
  }

  pack(start: number, end: number): void {
    if (start === end) return;
    const groups = Math.ceil((end - start) / 8);
    const bytes = this.#bytes;
    const width = this.#width;
    let at = writeVarint(bytes, this.#at, groups * 2 + 1);
    let [waiting, bits] = [0, 0];
    for (let index = start; index < start + groups * 8; index++) {
      const value = index < this.#count ? (this.#values[index] as number) : 0;
      waiting |= value << bits;
      bits += width;
      for (; bits >= 8; bits -= 8) {
        bytes[at++] = waiting & 0xff;
        waiting >>>= 8;
      }
    }
    this.#at = at;
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }
}

function writeVarint(into: Uint8Array, start: number, value: number): number {
  let at = start;
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) into[at++] = (rest & 0x7f) | 0x80;
  into[at++] = rest;
  return at;
}
