import type { ColumnBytes } from "./column-bytes.ts";
import type { ColumnWords } from "./column-words.ts";

/** Rows of a column, and which of them are null; none by default. */
export interface RowRange {
  readonly start: number;
  readonly end: number;
  readonly isNull: ((row: number) => boolean) | undefined;
}

/** The different values of one or two 32-bit words, numbered as they come. */
export class WordDictionary {
  size = 0;
  /** Steps beyond the first slot: many are a sign of values that were chosen to collide. */
  detours = 0;
  #low: Int32Array = new Int32Array(64);
  #high: Int32Array = new Int32Array(64);
  #slots: Int32Array = new Int32Array(128);

  /** The number of a value; a new one gets the next. */
  codeOf(low: number, high: number): number {
    const code = new Int32Array(1);
    this.codesOf({ words: Int32Array.of(low, high), stride: 2 }, 2, { start: 0, end: 1, isNull: undefined }, code, 0);
    return code[0] as number;
  }

  /**
   * Puts the numbers of the values of rows that are not null into `codes`, from `at` on. A value has its first `width`
   * words.
   *
   * @returns where they end
   */
  codesOf(
    { words, stride }: ColumnWords,
    width: 1 | 2,
    { start, end, isNull }: RowRange,
    codes: Int32Array,
    at: number,
  ): number {
    let [slots, lows, highs] = [this.#slots, this.#low, this.#high];
    let [lastLow, lastHigh, code] = [0, 0, -1];
    let detours = 0;
    for (let row = start; row < end; row++) {
      if (isNull !== undefined && isNull(row)) continue;
      const low = words[row * stride] as number;
      const high = width === 2 ? (words[row * stride + 1] as number) : 0;
      if (code < 0 || low !== lastLow || high !== lastHigh) {
        const mask = slots.length - 1;
        let slot = hashOf(low, high) & mask;
        for (; ; slot = (slot + 1) & mask) {
          code = (slots[slot] as number) - 1;
          if (code < 0 || (lows[code] === low && highs[code] === high)) break;
          detours += 1;
        }
        if (code < 0) {
          code = this.#add(slot, low, high);
          [slots, lows, highs] = [this.#slots, this.#low, this.#high];
        }
        lastLow = low;
        lastHigh = high;
      }
      codes[at++] = code;
    }
    this.detours += detours;
    return at;
  }

  low(code: number): number {
    return this.#low[code] as number;
  }

  high(code: number): number {
    return this.#high[code] as number;
  }

  #add(slot: number, low: number, high: number): number {
    const code = this.size++;
    if (code === this.#low.length) {
      this.#low = grown(this.#low);
      this.#high = grown(this.#high);
    }
    this.#low[code] = low;
    this.#high[code] = high;
    this.#slots[slot] = code + 1;
    if (this.size * 2 > this.#slots.length) this.#rehash();
    return code;
  }

  #rehash(): void {
    this.#slots = slotsFor(this.size, (code) => hashOf(this.low(code), this.high(code)));
  }
}

/** The different strings of bytes, numbered as they come. */
export class BytesDictionary {
  size = 0;
  detours = 0;
  /** Of all values together. */
  byteLength = 0;
  #bytes: Uint8Array = new Uint8Array(256);
  /** Where each value begins, and where the last ends. */
  #offsets: Int32Array = new Int32Array(64);
  #hashes: Int32Array = new Int32Array(64);
  #slots: Int32Array = new Int32Array(128);

  /** The number of the value that stands at a place of `source`; a new one gets the next. */
  codeOf(source: Uint8Array, start: number, end: number): number {
    const code = new Int32Array(1);
    const rows = { start: 0, end: 1, isNull: undefined };
    this.codesOf({ bytes: source, offsets: Int32Array.of(start, end) }, rows, code, 0);
    return code[0] as number;
  }

  /** Puts the numbers of the values of rows that are not null into `codes`, from `at` on. @returns where they end */
  codesOf(source: ColumnBytes, { start, end, isNull }: RowRange, codes: Int32Array, at: number): number {
    const { bytes, offsets } = source;
    let [slots, hashes, ends] = [this.#slots, this.#hashes, this.#offsets];
    let detours = 0;
    for (let row = start; row < end; row++) {
      if (isNull !== undefined && isNull(row)) continue;
      const from = offsets[row] as number;
      const length = (offsets[row + 1] as number) - from;
      const hash = hashOfBytes(bytes, from, length);
      const mask = slots.length - 1;
      let slot = hash & mask;
      let code: number;
      for (; ; slot = (slot + 1) & mask) {
        code = (slots[slot] as number) - 1;
        if (code < 0) break;
        const hasLength = (ends[code + 1] as number) - (ends[code] as number) === length;
        // The hash of a short value is the value: see `hashOfBytes`.
        if (hasLength && hashes[code] === hash && (length <= shortBytes || this.#holds(code, bytes, from))) break;
        detours += 1;
      }
      if (code < 0) {
        code = this.#add(slot, hash, bytes, from, from + length);
        [slots, hashes, ends] = [this.#slots, this.#hashes, this.#offsets];
      }
      codes[at++] = code;
    }
    this.detours += detours;
    return at;
  }

  /** All values, one after the other, and where each begins and ends. */
  get entries(): ColumnBytes {
    return { bytes: this.#bytes, offsets: this.#offsets };
  }

  /** Of values that are equally long. */
  #holds(code: number, source: Uint8Array, start: number): boolean {
    const bytes = this.#bytes;
    const end = this.#offsets[code + 1] as number;
    for (let own = this.#offsets[code] as number, at = start; own < end; own++, at++) {
      if (source[at] !== bytes[own]) return false;
    }
    return true;
  }

  #add(slot: number, hash: number, source: Uint8Array, start: number, end: number): number {
    const code = this.size++;
    const from = this.byteLength;
    this.byteLength += end - start;
    while (this.byteLength > this.#bytes.length) this.#bytes = grown(this.#bytes);
    this.#bytes.set(source.subarray(start, end), from);
    if (code + 1 === this.#offsets.length) {
      this.#offsets = grown(this.#offsets);
      this.#hashes = grown(this.#hashes);
    }
    this.#offsets[code + 1] = this.byteLength;
    this.#hashes[code] = hash;
    this.#slots[slot] = code + 1;
    if (this.size * 2 > this.#slots.length) {
      this.#slots = slotsFor(this.size, (known) => this.#hashes[known] as number);
    }
    return code;
  }
}

function slotsFor(size: number, hash: (code: number) => number): Int32Array {
  const slots = new Int32Array(2 ** Math.ceil(Math.log2(size * 4)));
  const mask = slots.length - 1;
  for (let code = 0; code < size; code++) {
    let slot = hash(code) & mask;
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = code + 1;
  }
  return slots;
}

const hashOf = (low: number, high: number): number => mixed(low ^ Math.imul(high, 0x9e3779b1));

/** Bytes that a word holds. */
const shortBytes = 4;

/**
 * The words of a value, each mixed in by the finalizer of MurmurHash3. As that can be undone, no two short values of the
 * same length have one hash.
 */
function hashOfBytes(bytes: Uint8Array, start: number, length: number): number {
  const end = start + length;
  let hash = 0;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word =
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24);
    hash = mixed(hash ^ word);
  }
  let rest = 0;
  for (let bits = 0; at < end; at++, bits += 8) rest |= (bytes[at] as number) << bits;
  return mixed(hash ^ rest);
}

/** The finalizer of MurmurHash3. */
function mixed(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

/** The same with twice the room. */
function grown<Words extends Int32Array | Uint8Array>(words: Words): Words {
  const larger = new (words.constructor as new (length: number) => Words)(words.length * 2);
  larger.set(words);
  return larger;
}
