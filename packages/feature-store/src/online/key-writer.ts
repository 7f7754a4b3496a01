import type { ColumnData } from "../offline/column-data.ts";
import { keyPart } from "../offline/key-dictionary.ts";
import { entityKey, headBytes, longestKey, tags } from "./entity-key.ts";

/** A place to write the keys of rows at, one after another: the bytes of {@link entityKey}, mostly without an object for each. */
export class KeyWriter {
  /** The key written last, from the first byte on. */
  readonly bytes: Buffer = Buffer.alloc(longestKey);
  readonly #columns: readonly ColumnData[];
  readonly #numbers: Float64Array | undefined;
  /** Keys of one string, by its code. */
  readonly #strings: (Uint8Array | undefined)[] = [];

  /** @param columns one for each part of the key, of types that keys have */
  constructor(columns: readonly ColumnData[]) {
    this.#columns = columns;
    const [column] = columns;
    this.#numbers = columns.length === 1 && column?.kind === "number" ? column.values : undefined;
  }

  /** @returns how many bytes it has; 0 when a part is null */
  write(row: number): number {
    for (const { valid } of this.#columns) if (valid?.[row] === 0) return 0;
    const number = this.#numbers?.[row];
    if (number !== undefined && number >= 0 && number <= largest) return this.#digits(number);
    const key = this.#key(row);
    this.bytes.set(key);
    return key.length;
  }

  #key(row: number): Uint8Array {
    const [column] = this.#columns;
    if (this.#columns.length > 1 || column?.kind !== "string") {
      return entityKey(this.#columns.map((each) => keyPart(each, row)));
    }
    const code = column.values[row] as number;
    return (this.#strings[code] ??= entityKey([column.dictionary[code] as string]));
  }

  #digits(number: number): number {
    let digits = 1;
    for (let rest = number; rest >= 10; rest = (rest / 10) | 0) digits++;
    const end = headBytes + digits;
    this.bytes[0] = tags.number;
    this.bytes.writeUInt32LE(digits, 1);
    let rest = number;
    for (let at = end - 1; at >= headBytes; at--) {
      const tens = (rest / 10) | 0;
      this.bytes[at] = zero + rest - 10 * tens;
      rest = tens;
    }
    return end;
  }
}

const largest = 0x7fffffff;
const zero = 48;
