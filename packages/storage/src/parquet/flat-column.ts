import { concatBytes } from "@ashlar/core";
import { ColumnBounds, type SeenBounds } from "./column-bounds.ts";
import { type ColumnType, isDecimal, type Value } from "./column-type.ts";
import { wordsOfType } from "./column-words.ts";
import type { Column } from "./column.ts";
import { ByteValues } from "./flat-byte-values.ts";
import { BooleanValues, type FlatValues, type Observe, WideDecimalValues, WordValues } from "./flat-values.ts";
import { ValidityBits } from "./validity-bits.ts";
import { encodeBits, encodeOnes, RunEncoder } from "./run-lengths.ts";

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
  readonly #validity = new ValidityBits();

  /**
   * @param codec whose name errors tell
   * @param runs whose memory it uses while it encodes
   */
  constructor(type: ColumnType, codec: string, runs: RunEncoder = new RunEncoder()) {
    this.#type = type;
    this.#bounds = boundsFor(type);
    const observe: Observe = (column) => {
      this.#bounds?.observe(column, column.nullCount > 0 ? column.isNull : undefined);
    };
    this.#values = valuesFor(type, codec, observe, runs);
  }

  get waiting(): number {
    return this.#values.waiting;
  }

  /** @throws CODEC_REFUSED */
  append(column: Column): void {
    this.#validity.append(column);
    this.#values.append(column);
  }

  /** The chunk of the rows since the last time. */
  encode(): RawChunk {
    const { rows, nulls, bits } = this.#validity;
    const { dictionary, parts } = this.#values.encode();
    const levels = nulls === 0 ? encodeOnes(rows) : encodeBits(bits, rows);
    const lengths = Uint8Array.of(0, 0, 0, 0);
    new DataView(lengths.buffer).setUint32(0, levels.byteLength, true);
    const bytes = concatBytes([lengths, levels, ...parts]);
    const data = { kind: "data", values: rows, isCoded: dictionary !== undefined, bytes } as const;
    const chunk = {
      pages:
        dictionary === undefined
          ? [data]
          : [{ kind: "dictionary", values: dictionary.size, isCoded: false, bytes: dictionary.bytes } as const, data],
      rows,
      nulls,
      bounds: this.#seen(),
    };
    this.#validity.clear();
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

function valuesFor(type: ColumnType, codec: string, observe: Observe, runs: RunEncoder): FlatValues {
  if (type === "boolean") return new BooleanValues();
  if (type === "string" || type === "binary") return new ByteValues(type, codec, observe, runs);
  return wordsOfType(type) === 4 ? new WideDecimalValues(observe) : new WordValues(type, observe, runs);
}

const boundsFor = (type: ColumnType): ColumnBounds | undefined =>
  type === "boolean" || type === "binary" ? undefined : new ColumnBounds();
