import { Binary, Field, makeData, Utf8 } from "apache-arrow";
import { bytesOfColumn, bytesOfValue, type ColumnBytes } from "./column-bytes.ts";
import { type Column, columnOf } from "./column.ts";
import {
  blockRows,
  encodeCodes,
  type EncodedValues,
  type FlatValues,
  isDictionaryWorthwhile,
  type Observe,
} from "./flat-values.ts";
import { GrowingBytes, GrowingNumbers } from "./growing.ts";
import type { RunEncoder } from "./run-lengths.ts";
import { assertText } from "./text-check.ts";
import { BytesDictionary } from "./value-dictionary.ts";

/** Bytes of a dictionary, at most. */
const largestDictionary = 1024 * 1024;

/** Strings, which must be UTF-8, or blobs. */
export class ByteValues implements FlatValues {
  readonly #codec: string;
  readonly #type: "string" | "binary";
  readonly #observe: Observe;
  readonly #runs: RunEncoder;
  readonly #codes = new GrowingNumbers();
  readonly #plain = new GrowingBytes();
  #dictionary: BytesDictionary | undefined = new BytesDictionary();

  /** @param codec whose name errors tell */
  constructor(type: "string" | "binary", codec: string, observe: Observe, runs: RunEncoder) {
    this.#type = type;
    this.#runs = runs;
    this.#codec = codec;
    this.#observe = observe;
  }

  get waiting(): number {
    return this.#plain.length + (this.#dictionary?.byteLength ?? 0) + this.#codes.length * 4;
  }

  append(column: Column): void {
    const { codes } = column;
    if (codes !== undefined && this.#dictionary !== undefined) this.#appendCoded(this.#dictionary, column, codes);
    else this.#appendBytes(column, bytesOfColumn(column));
  }

  /** Of a column with a dictionary of its own each entry is looked up once. */
  #appendCoded(dictionary: BytesDictionary, column: Column, own: ArrayLike<number>): void {
    let at = this.#codes.length;
    const codes = this.#codes.extend(column.length);
    const known = new Map<number, number>();
    for (let row = 0; row < column.length; row++) {
      if (column.isNull(row)) continue;
      let code = known.get(own[row] as number);
      if (code === undefined) {
        const value = bytesOfValue(column.get(row));
        known.set(own[row] as number, (code = dictionary.codeOf(value, 0, value.byteLength)));
      }
      codes[at++] = code;
    }
    this.#codes.length = at;
    this.#spreadIfLarge(dictionary);
  }

  #appendBytes(column: Column, values: ColumnBytes): void {
    if (this.#type === "string") assertText(column, values, this.#codec);
    let start = 0;
    for (; start < column.length && this.#dictionary !== undefined; start += blockRows) {
      const end = Math.min(column.length, start + blockRows);
      this.#appendCodes(this.#dictionary, column, values, start, end);
    }
    if (this.#dictionary !== undefined) return;
    this.#observe(column);
    appendPlain(this.#plain, values, start, column.length, column.nullCount > 0 ? column.isNull : undefined);
  }

  #appendCodes(dictionary: BytesDictionary, column: Column, values: ColumnBytes, start: number, end: number): void {
    const isNull = column.nullCount > 0 ? column.isNull : undefined;
    const at = this.#codes.length;
    const codes = this.#codes.extend(end - start);
    this.#codes.length = dictionary.codesOf(values, { start, end, isNull }, codes, at);
    this.#spreadIfLarge(dictionary);
  }

  /** The values themselves, from here on, where there are too many different ones. */
  #spreadIfLarge(dictionary: BytesDictionary): void {
    if (this.#codes.length < blockRows || pays(dictionary, this.#codes.length)) return;
    this.#observe(this.#entries(dictionary));
    this.#spell(dictionary);
    this.#dictionary = undefined;
  }

  encode(): EncodedValues {
    const dictionary = this.#dictionary;
    if (dictionary === undefined) return { parts: [this.#plain.take()] };
    this.#dictionary = new BytesDictionary();
    this.#observe(this.#entries(dictionary));
    if (!pays(dictionary, this.#codes.length)) {
      this.#spell(dictionary);
      return { parts: [this.#plain.take()] };
    }
    const parts = encodeCodes(this.#codes, dictionary.size, this.#runs);
    this.#codes.length = 0;
    appendPlain(this.#plain, dictionary.entries, 0, dictionary.size);
    return { dictionary: { bytes: this.#plain.take(), size: dictionary.size }, parts };
  }

  /** Puts the values of all codes in their place. */
  #spell(dictionary: BytesDictionary): void {
    const { numbers, length } = this.#codes;
    for (let index = 0; index < length; index++) {
      const code = numbers[index] as number;
      appendPlain(this.#plain, dictionary.entries, code, code + 1);
    }
    this.#codes.length = 0;
  }

  /** The different values. */
  #entries(dictionary: BytesDictionary): Column {
    const { bytes: data, offsets: valueOffsets } = dictionary.entries;
    const type = this.#type === "string" ? new Utf8() : new Binary();
    const values = { length: dictionary.size, data, valueOffsets };
    return columnOf(new Field("", type), makeData({ type, ...values } as never));
  }
}

const pays = (dictionary: BytesDictionary, values: number): boolean =>
  values > 0 && dictionary.byteLength <= largestDictionary && isDictionaryWorthwhile(dictionary, values);

/** Values as "Plain" (encoding 0) of the Parquet format has them: the length of each in four bytes, and the bytes. */
function appendPlain(
  into: GrowingBytes,
  { bytes, offsets }: ColumnBytes,
  first: number,
  end: number,
  isNull?: (row: number) => boolean,
): void {
  if (first >= end) return;
  let at = into.length;
  const target = into.extend((end - first) * 4 + (offsets[end] as number) - (offsets[first] as number));
  for (let row = first; row < end; row++) {
    if (isNull?.(row) === true) continue;
    const [from, to] = [offsets[row] as number, offsets[row + 1] as number];
    const length = to - from;
    target[at++] = length & 0xff;
    target[at++] = (length >>> 8) & 0xff;
    target[at++] = (length >>> 16) & 0xff;
    target[at++] = length >>> 24;
    if (length > 64) target.set(bytes.subarray(from, to), at);
    else for (let i = 0; i < length; i++) target[at + i] = bytes[from + i] as number;
    at += length;
  }
  into.length = at;
}
