import { type DataType, Field, Float32, Float64, Int32, Int64, makeData } from "apache-arrow";
import type { ColumnType } from "./column-type.ts";
import { type ColumnWords, wordsOfColumn, wordsOfType } from "./column-words.ts";
import { type Column, columnOf } from "./column.ts";
import { GrowingBytes, GrowingNumbers } from "./growing.ts";
import type { RunEncoder } from "./run-lengths.ts";
import { WordDictionary } from "./value-dictionary.ts";

/** The values of one column of a row group, nulls left out, as they stand in pages. */
export interface EncodedValues {
  /** The entries of the dictionary, one after the other; without it the values themselves stand in the page. */
  readonly dictionary?: { readonly bytes: Uint8Array; readonly size: number };
  /** One after the other; they stand until something else is encoded. */
  readonly parts: readonly Uint8Array[];
}

/** Sees the values of a row group, each at least once. */
export type Observe = (column: Column) => void;

/** Gathers the values of one column, row group after row group. */
export interface FlatValues {
  /** Takes the values of the rows that are not null. @throws CODEC_REFUSED */
  append(column: Column): void;
  /** Bytes that wait, about. */
  readonly waiting: number;
  /** What was gathered since the last time. */
  encode(): EncodedValues;
}

/** Rows after which it is asked whether a dictionary pays. */
export const blockRows = 4096;

/** Entries of a dictionary, at most. */
const largestDictionary = 65_536;

/** Whether a dictionary of so many entries is worth its while for so many values. */
export function isDictionaryWorthwhile(dictionary: { size: number; detours: number }, values: number): boolean {
  const { size, detours } = dictionary;
  return size <= Math.min(largestDictionary, values / 2) && detours <= 4 * values + blockRows;
}

/** The codes of a dictionary's entries, after the number of bits of the greatest. */
export function encodeCodes(codes: GrowingNumbers, size: number, runs: RunEncoder): readonly Uint8Array[] {
  const width = Math.max(1, 32 - Math.clz32(size - 1));
  return [Uint8Array.of(width), runs.encode(codes.numbers, codes.length, width)];
}

/** Booleans, eight to a byte. */
export class BooleanValues implements FlatValues {
  readonly #bytes = new GrowingBytes();
  #count = 0;

  get waiting(): number {
    return this.#bytes.length;
  }

  append({ length, nullCount, isNull, get }: Column): void {
    const from = this.#bytes.length;
    const needed = Math.ceil((this.#count + length) / 8) - from;
    const bits = this.#bytes.extend(needed).fill(0, from, from + needed);
    for (let row = 0; row < length; row++) {
      if (nullCount > 0 && isNull(row)) continue;
      const at = this.#count++;
      if (get(row) === true) bits[at >> 3] = (bits[at >> 3] as number) | (1 << (at & 7));
    }
    this.#bytes.length = Math.ceil(this.#count / 8);
  }

  encode(): EncodedValues {
    this.#count = 0;
    return { parts: [this.#bytes.take()] };
  }
}

/** Decimals of more than 18 digits: 16 bytes each, the highest first. */
export class WideDecimalValues implements FlatValues {
  readonly #observe: Observe;
  readonly #bytes = new GrowingBytes();

  constructor(observe: Observe) {
    this.#observe = observe;
  }

  get waiting(): number {
    return this.#bytes.length;
  }

  append(column: Column): void {
    this.#observe(column);
    const { words, stride } = wordsOfColumn(column);
    const { length, nullCount, isNull } = column;
    let at = this.#bytes.length;
    const into = this.#bytes.extend(length * 16);
    const view = new DataView(into.buffer, into.byteOffset);
    for (let row = 0; row < length; row++) {
      if (nullCount > 0 && isNull(row)) continue;
      for (let word = 3; word >= 0; word--, at += 4) view.setInt32(at, words[row * stride + word] as number);
    }
    this.#bytes.length = at;
  }

  encode(): EncodedValues {
    return { parts: [this.#bytes.take()] };
  }
}

/** Numbers of 32 or 64 bits: floating-point ones by their bits, so that each NaN and both zeros stay what they are. */
export class WordValues implements FlatValues {
  readonly #type: ColumnType;
  readonly #width: 1 | 2;
  readonly #observe: Observe;
  readonly #runs: RunEncoder;
  readonly #codes = new GrowingNumbers();
  readonly #plain = new GrowingBytes();
  #dictionary: WordDictionary | undefined = new WordDictionary();

  constructor(type: ColumnType, observe: Observe, runs: RunEncoder) {
    this.#type = type;
    this.#runs = runs;
    this.#width = wordsOfType(type) === 1 ? 1 : 2;
    this.#observe = observe;
  }

  get waiting(): number {
    return this.#plain.length + this.#codes.length * 4;
  }

  append(column: Column): void {
    const words = wordsOfColumn(column);
    let start = 0;
    for (; start < column.length && this.#dictionary !== undefined; start += blockRows) {
      const end = Math.min(column.length, start + blockRows);
      this.#appendCodes(this.#dictionary, column, words, start, end);
    }
    if (this.#dictionary !== undefined) return;
    this.#observe(column);
    this.#appendPlain(column, words, start);
  }

  #appendCodes(dictionary: WordDictionary, column: Column, words: ColumnWords, start: number, end: number): void {
    const isNull = column.nullCount > 0 ? column.isNull : undefined;
    const at = this.#codes.length;
    const codes = this.#codes.extend(end - start);
    const values = dictionary.codesOf(words, this.#width, { start, end, isNull }, codes, at);
    this.#codes.length = values;
    if (values >= blockRows && !isDictionaryWorthwhile(dictionary, values)) this.#spread(dictionary);
  }

  #appendPlain(column: Column, { words, stride }: ColumnWords, start: number): void {
    if (start >= column.length) return;
    const isNull = column.nullCount > 0 ? column.isNull : undefined;
    const width = this.#width;
    if (isNull === undefined && stride === width) {
      const { buffer, byteOffset } = words;
      const length = (column.length - start) * width * 4;
      return this.#plain.append(new Uint8Array(buffer, byteOffset + start * width * 4, length));
    }
    const into = new Int32Array((column.length - start) * width);
    let at = 0;
    for (let row = start; row < column.length; row++) {
      if (isNull?.(row) === true) continue;
      for (let word = 0; word < width; word++) into[at++] = words[row * stride + word] as number;
    }
    this.#plain.append(new Uint8Array(into.buffer, 0, at * 4));
  }

  /** The values themselves, from here on: there are too many different ones. */
  #spread(dictionary: WordDictionary): void {
    this.#observe(this.#entries(dictionary));
    this.#plain.append(this.#spelt(dictionary));
    this.#codes.length = 0;
    this.#dictionary = undefined;
  }

  encode(): EncodedValues {
    const dictionary = this.#dictionary;
    if (dictionary === undefined) return { parts: [this.#plain.take()] };
    this.#dictionary = new WordDictionary();
    this.#observe(this.#entries(dictionary));
    const values = this.#codes.length;
    const isCoded = values > 0 && isDictionaryWorthwhile(dictionary, values);
    const parts = isCoded ? encodeCodes(this.#codes, dictionary.size, this.#runs) : [this.#spelt(dictionary)];
    this.#codes.length = 0;
    if (!isCoded) return { parts };
    return { dictionary: { bytes: wordBytes(this.#width, dictionary), size: dictionary.size }, parts };
  }

  /** The values of all codes. */
  #spelt(dictionary: WordDictionary): Uint8Array {
    const { numbers, length } = this.#codes;
    return wordBytes(this.#width, dictionary, numbers.subarray(0, length));
  }

  /** The different values. A decimal is the integer of its digits. */
  #entries(dictionary: WordDictionary): Column {
    const { buffer } = wordBytes(this.#width, dictionary);
    const type: DataType =
      this.#type === "float"
        ? new Float32()
        : this.#type === "double"
          ? new Float64()
          : this.#width === 1
            ? new Int32()
            : new Int64();
    const values = { data: new type.ArrayType(buffer) as never, length: dictionary.size };
    return columnOf(new Field("", type), makeData({ type, ...values } as never));
  }
}

/** The entries of a dictionary with these codes; all by default. */
function wordBytes(width: 1 | 2, dictionary: WordDictionary, codes?: Int32Array): Uint8Array<ArrayBuffer> {
  const count = codes?.length ?? dictionary.size;
  const words = new Int32Array(count * width);
  for (let index = 0; index < count; index++) {
    const code = codes === undefined ? index : (codes[index] as number);
    words[index * width] = dictionary.low(code);
    if (width === 2) words[index * 2 + 1] = dictionary.high(code);
  }
  return new Uint8Array(words.buffer);
}
