import { ColumnBounds, type SeenBounds } from "./column-bounds.ts";
import { type ColumnType, isDecimal, type Value } from "./column-type.ts";
import { wordsOfType } from "./column-words.ts";
import type { Column } from "./column.ts";
import { setBits } from "./bits.ts";
import { ByteValues } from "./flat-byte-values.ts";
import { BooleanValues, type FlatValues, type Observe, WideDecimalValues, WordValues } from "./flat-values.ts";
import { encodeBits, encodeOnes } from "./run-lengths.ts";

/** A page that is not compressed yet. */
export interface RawPage {
  readonly kind: "dictionary" | "data";
  readonly values: number;
  readonly isCoded: boolean;
  readonly bytes: Uint8Array;
}

/** The part of one column in a row group. */
export interface RawChunk {
  readonly pages: readonly RawPage[];
  readonly rows: number;
  readonly nulls: number;
  /** Undefined for a column without an order. */
  readonly bounds: SeenBounds | undefined;
}

/** Gathers one column without parts, row group after row group, from the arrays of Arrow: no value is made of a number. */
export class FlatColumn {
  readonly #values: FlatValues;
  readonly #type: ColumnType;
  /** Of the row group. */
  #bounds: ColumnBounds | undefined;
  #rows = 0;
  #nulls = 0;
  /** The validity of the rows so far, from when the first null came. */
  #validity: Uint8Array = new Uint8Array(1024);

  /** @param codec whose name errors tell */
  constructor(type: ColumnType, codec: string) {
    this.#type = type;
    this.#bounds = boundsFor(type);
    this.#values = valuesFor(type, codec, (column) => {
      this.#bounds?.observe(column, column.nullCount > 0 ? column.isNull : undefined);
    });
  }

  get waiting(): number {
    return this.#values.waiting;
  }

  /** @throws CODEC_REFUSED */
  append(column: Column): void {
    this.#appendValidity(column);
    this.#values.append(column);
  }

  #appendValidity({ length, nullCount, isNull }: Column): void {
    const start = this.#rows;
    this.#rows += length;
    if (nullCount === 0 && this.#nulls === 0) return;
    this.#reserve(this.#rows);
    const bits = this.#validity;
    if (this.#nulls === 0) setBits(bits, 0, start);
    if (nullCount === 0) return setBits(bits, start, this.#rows);
    for (let row = 0; row < length; row++) {
      const at = start + row;
      if (!isNull(row)) bits[at >> 3] = (bits[at >> 3] as number) | (1 << (at & 7));
    }
    this.#nulls += nullCount;
  }

  #reserve(rows: number): void {
    const needed = Math.ceil(rows / 8);
    if (needed <= this.#validity.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#validity.length * 2));
    larger.set(this.#validity);
    this.#validity = larger;
  }

  /** The chunk of the rows since the last time. */
  encode(): RawChunk {
    const [rows, nulls] = [this.#rows, this.#nulls];
    const { dictionary, bytes } = this.#values.encode();
    const levels = nulls === 0 ? encodeOnes(rows) : encodeBits(this.#validity, rows);
    const page = new Uint8Array(4 + levels.byteLength + bytes.byteLength);
    new DataView(page.buffer).setUint32(0, levels.byteLength, true);
    page.set(levels, 4);
    page.set(bytes, 4 + levels.byteLength);
    const data = { kind: "data", values: rows, isCoded: dictionary !== undefined, bytes: page } as const;
    const entries = dictionary && ({ kind: "dictionary", values: dictionary.size, isCoded: false } as const);
    const chunk = {
      pages: entries === undefined ? [data] : [{ ...entries, bytes: dictionary?.bytes ?? bytes }, data],
      rows,
      nulls,
      bounds: this.#seen(),
    };
    if (nulls > 0) this.#validity.fill(0);
    this.#rows = this.#nulls = 0;
    return chunk;
  }

  #seen(): SeenBounds | undefined {
    const seen = this.#bounds;
    if (seen === undefined) return undefined;
    this.#bounds = boundsFor(this.#type);
    const valueOf = (bound: Value | undefined): Value | undefined =>
      bound !== undefined && isDecimal(this.#type) ? BigInt(bound as bigint | number) : bound;
    return { min: valueOf(seen.min), max: valueOf(seen.max), unordered: seen.unordered };
  }
}

function valuesFor(type: ColumnType, codec: string, observe: Observe): FlatValues {
  if (type === "boolean") return new BooleanValues();
  if (type === "string" || type === "binary") return new ByteValues(type, codec, observe);
  return wordsOfType(type) === 4 ? new WideDecimalValues(observe) : new WordValues(type, observe);
}

const boundsFor = (type: ColumnType): ColumnBounds | undefined =>
  type === "boolean" || type === "binary" ? undefined : new ColumnBounds();
