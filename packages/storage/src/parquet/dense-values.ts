import { isAscii, isUtf8 } from "node:buffer";
import { GrowingBytes } from "./growing.ts";

/** The buffers of an Arrow array without its validity. */
export interface DenseBuffers {
  readonly data: Uint8Array;
  readonly valueOffsets?: Int32Array;
}

/** Takes the values of a column, page after page, nulls left out, and puts them in their rows. */
export interface DenseValues {
  /** Values in "Plain" encoding. @throws RangeError */
  plain(bytes: Uint8Array, count: number): void;
  /** The entries of a dictionary, in "Plain" encoding. @throws RangeError */
  dictionary(bytes: Uint8Array, count: number): void;
  /** Values by their numbers in the dictionary. @throws RangeError */
  codes(codes: Int32Array): void;
  /** By row; `isValid` is undefined where no row is null. @throws RangeError */
  finish(rows: number, isValid: ((row: number) => boolean) | undefined): DenseBuffers;
}

/** Values of one or two 32-bit words. */
export class DenseWords implements DenseValues {
  readonly #width: 1 | 2;
  readonly #words: Int32Array;
  #entries = new Int32Array(0);
  #count = 0;

  constructor(width: 1 | 2, rows: number) {
    this.#width = width;
    this.#words = new Int32Array(rows * width);
  }

  plain(bytes: Uint8Array, count: number): void {
    const size = count * this.#width * 4;
    assertRoom(bytes, size);
    new Uint8Array(this.#words.buffer).set(bytes.subarray(0, size), this.#count * this.#width * 4);
    this.#count += count;
  }

  dictionary(bytes: Uint8Array, count: number): void {
    const size = count * this.#width * 4;
    assertRoom(bytes, size);
    this.#entries = new Int32Array(size / 4);
    new Uint8Array(this.#entries.buffer).set(bytes.subarray(0, size));
  }

  codes(codes: Int32Array): void {
    const words = this.#words;
    const entries = this.#entries;
    assertCodes(codes, entries.length / this.#width);
    let at = this.#count * this.#width;
    if (this.#width === 1) {
      for (let index = 0; index < codes.length; index++) words[at++] = entries[codes[index] as number] as number;
    } else {
      for (let index = 0; index < codes.length; index++, at += 2) {
        const from = (codes[index] as number) * 2;
        words[at] = entries[from] as number;
        words[at + 1] = entries[from + 1] as number;
      }
    }
    this.#count += codes.length;
  }

  finish(rows: number, isValid: ((row: number) => boolean) | undefined): DenseBuffers {
    if (isValid !== undefined) this.#spread(rows, isValid);
    return { data: new Uint8Array(this.#words.buffer) };
  }

  /** From the end, as a value never stands behind its row. */
  #spread(rows: number, isValid: (row: number) => boolean): void {
    const [words, width] = [this.#words, this.#width];
    let from = this.#count;
    for (let row = rows - 1; row >= 0; row--) {
      const valid = isValid(row);
      if (valid) from -= 1;
      for (let word = 0; word < width; word++) {
        words[row * width + word] = valid ? (words[from * width + word] as number) : 0;
      }
    }
  }
}

/** Bytes of a column in a row group, at most: a dictionary can stand for many more than its file has. */
const largestColumn = 64 * 1024 * 1024;

/** A column that is too large to be held whole. */
export class LargeColumn extends Error {}

/** Strings and blobs. @throws LargeColumn */
export class DenseBytes implements DenseValues {
  readonly #isText: boolean;
  readonly #bytes = new GrowingBytes();
  readonly #offsets: Int32Array;
  /** Where each value ends. */
  readonly #ends: Int32Array;
  #entries: Uint8Array = new Uint8Array(0);
  #entryOffsets = new Int32Array(1);
  /** The entries by words, where all of them are short. */
  #words: Int32Array | undefined;
  #count = 0;

  constructor(isText: boolean, rows: number) {
    this.#isText = isText;
    this.#offsets = new Int32Array(rows + 1);
    this.#ends = this.#offsets.subarray(1);
  }

  plain(bytes: Uint8Array, count: number): void {
    const ends = this.#ends.subarray(this.#count, this.#count + count);
    readPlain(bytes, count, this.#bytes, ends);
    this.#count += count;
  }

  dictionary(bytes: Uint8Array, count: number): void {
    const into = new GrowingBytes();
    // An entry takes four bytes at least.
    assertRoom(bytes, count * 4);
    this.#entryOffsets = new Int32Array(count + 1);
    readPlain(bytes, count, into, this.#entryOffsets.subarray(1));
    this.#entries = into.take();
    this.#words = wordsOfEntries(this.#entries, this.#entryOffsets);
  }

  codes(codes: Int32Array): void {
    const offsets = this.#entryOffsets;
    assertCodes(codes, offsets.length - 1);
    let size = 0;
    for (let index = 0; index < codes.length; index++) {
      const code = codes[index] as number;
      size += (offsets[code + 1] as number) - (offsets[code] as number);
    }
    if (this.#bytes.length + size > largestColumn) throw new LargeColumn();
    if (this.#words === undefined) this.#spell(codes, size);
    else this.#spellShort(codes, size, this.#words);
    this.#count += codes.length;
  }

  #spell(codes: Int32Array, size: number): void {
    const entries = this.#entries;
    const offsets = this.#entryOffsets;
    let at = this.#bytes.length;
    const bytes = this.#bytes.extend(size);
    const ends = this.#ends;
    let row = this.#count;
    for (let index = 0; index < codes.length; index++) {
      const code = codes[index] as number;
      const from = offsets[code] as number;
      const end = offsets[code + 1] as number;
      if (end - from > 32) {
        bytes.set(entries.subarray(from, end), at);
        at += end - from;
      } else for (let i = from; i < end; i++) bytes[at++] = entries[i] as number;
      ends[row++] = at;
    }
  }

  /** Eight bytes at once, of which those beyond the value are overwritten by the next. */
  #spellShort(codes: Int32Array, size: number, words: Int32Array): void {
    const offsets = this.#entryOffsets;
    let at = this.#bytes.length;
    const { buffer, byteOffset } = this.#bytes.extend(size + shortEntry);
    const view = new DataView(buffer, byteOffset);
    const ends = this.#ends;
    let row = this.#count;
    for (let index = 0; index < codes.length; index++) {
      const code = codes[index] as number;
      view.setInt32(at, words[code * 2] as number, true);
      view.setInt32(at + 4, words[code * 2 + 1] as number, true);
      at += (offsets[code + 1] as number) - (offsets[code] as number);
      ends[row++] = at;
    }
    this.#bytes.length = at;
  }

  finish(rows: number, isValid: ((row: number) => boolean) | undefined): DenseBuffers {
    const data = this.#bytes.give();
    const valueOffsets = this.#offsets;
    if (isValid !== undefined) this.#spread(rows, isValid);
    if (this.#isText) assertText(data, valueOffsets);
    return { data, valueOffsets };
  }

  /** From the end, as a value never stands behind its row: that of a null ends where the one before does. */
  #spread(rows: number, isValid: (row: number) => boolean): void {
    const ends = this.#ends;
    let next = this.#count;
    for (let row = rows - 1; row >= 0; row--) {
      ends[row] = next === 0 ? 0 : (ends[next - 1] as number);
      if (isValid(row)) next -= 1;
    }
  }
}

/** Booleans, one to a bit, the first in the lowest. */
export class DenseBits implements DenseValues {
  readonly #bits: Uint8Array;
  #count = 0;

  constructor(rows: number) {
    this.#bits = new Uint8Array(Math.ceil(rows / 8));
  }

  plain(bytes: Uint8Array, count: number): void {
    assertRoom(bytes, Math.ceil(count / 8));
    for (let index = 0; index < count; index++) this.#push(bitAt(bytes, index));
  }

  #push(bit: number): void {
    const at = this.#count++;
    this.#bits[at >> 3] = (this.#bits[at >> 3] as number) | (bit << (at & 7));
  }

  dictionary(): void {
    throw new RangeError("a column of booleans has a dictionary");
  }

  /** Of runs, for a boolean is a number of one bit. */
  codes(codes: Int32Array): void {
    for (let index = 0; index < codes.length; index++) this.#push(codes[index] as number);
  }

  finish(rows: number, isValid: ((row: number) => boolean) | undefined): DenseBuffers {
    if (isValid === undefined) return { data: this.#bits };
    const data = new Uint8Array(this.#bits.length);
    for (let row = 0, next = 0; row < rows; row++) {
      if (isValid(row)) data[row >> 3] = (data[row >> 3] as number) | (bitAt(this.#bits, next++) << (row & 7));
    }
    return { data };
  }
}

const bitAt = (bits: Uint8Array, at: number): number => ((bits[at >> 3] as number) >> (at & 7)) & 1;

function readPlain(bytes: Uint8Array, count: number, into: GrowingBytes, ends: Int32Array): void {
  let at = into.length;
  const start = at;
  const target = into.extend(bytes.byteLength);
  let from = 0;
  for (let index = 0; index < count; index++) {
    const length =
      (bytes[from] as number) |
      ((bytes[from + 1] as number) << 8) |
      ((bytes[from + 2] as number) << 16) |
      ((bytes[from + 3] as number) << 24);
    from += 4;
    if (length < 0 || from + length > bytes.byteLength) throw new RangeError("a page ends within a value");
    if (length > 32) target.set(bytes.subarray(from, from + length), at);
    else for (let i = 0; i < length; i++) target[at + i] = bytes[from + i] as number;
    from += length;
    at += length;
    ends[index] = at;
  }
  into.length = Math.max(start, at);
}

/** Bytes of an entry that stands in two words. */
const shortEntry = 8;

/** Each entry in two words; undefined when one is longer. */
function wordsOfEntries(entries: Uint8Array, offsets: Int32Array): Int32Array | undefined {
  const words = new Int32Array((offsets.length - 1) * 2);
  const bytes = new Uint8Array(words.buffer);
  for (let entry = 0; entry + 1 < offsets.length; entry++) {
    const [from, end] = [offsets[entry] as number, offsets[entry + 1] as number];
    if (end - from > shortEntry) return undefined;
    for (let i = from; i < end; i++) bytes[entry * shortEntry + i - from] = entries[i] as number;
  }
  return words;
}

function assertRoom(bytes: Uint8Array, needed: number): void {
  if (bytes.byteLength < needed) throw new RangeError("a page ends within its values");
}

function assertCodes(codes: Int32Array, size: number): void {
  let greatest = 0;
  // A negative one is a great one.
  for (let index = 0; index < codes.length; index++) {
    const code = (codes[index] as number) >>> 0;
    if (code > greatest) greatest = code;
  }
  if (codes.length > 0 && greatest >= size) throw new RangeError(`a page names entry ${greatest} of ${size}`);
}

function assertText(bytes: Uint8Array, offsets: Int32Array): void {
  if (isAscii(bytes)) return;
  let isText = isUtf8(bytes);
  // Two halves of a character are UTF-8 together, but not each.
  for (let row = 0; isText && row + 1 < offsets.length; row++) {
    const start = offsets[row] as number;
    if (start < (offsets[row + 1] as number)) isText = ((bytes[start] as number) & 0xc0) !== 0x80;
  }
  if (!isText) throw new RangeError("a column of strings holds bytes that are not UTF-8");
}
