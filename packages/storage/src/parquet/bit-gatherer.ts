import { bitmapBytes, type Nulls } from "./array.ts";

/** Gathers bits, one after the other. */
export class BitGatherer {
  #bits: Uint8Array;
  #length = 0;

  constructor(rows: number) {
    this.#bits = new Uint8Array(bitmapBytes(rows));
  }

  push(bit: boolean): void {
    const at = this.#length++;
    if (at >> 3 >= this.#bits.length) {
      const larger = new Uint8Array(Math.max(64, this.#bits.length * 2));
      larger.set(this.#bits);
      this.#bits = larger;
    }
    if (bit) this.#bits[at >> 3] = (this.#bits[at >> 3] as number) | (1 << (at & 7));
  }

  finish(): Uint8Array {
    return this.#bits.subarray(0, bitmapBytes(this.#length));
  }
}

/** Gathers which rows are null. It holds no bits until the first null. */
export class ValidityGatherer {
  rows = 0;
  #nulls = 0;
  #bits: Uint8Array | undefined;
  readonly #expected: number;

  constructor(rows: number) {
    this.#expected = rows;
  }

  /** Adds the bits of rows `from` to `from + rows`, 1 for a value; undefined when all are values. */
  add(bits: Uint8Array | undefined, from: number, rows: number): void {
    const at = this.rows;
    this.rows += rows;
    if (bits === undefined) return;
    for (let row = 0; row < rows; row++) {
      const source = from + row;
      if ((source & 7) === 0 && bits[source >> 3] === 0xff) row += 7;
      else if ((((bits[source >> 3] ?? 0) >> (source & 7)) & 1) === 0) this.#clear(at + row);
    }
  }

  #clear(index: number): void {
    const size = bitmapBytes(Math.max(this.rows, this.#expected));
    if (this.#bits === undefined || this.#bits.length < size) {
      const larger = new Uint8Array(Math.max(size, (this.#bits?.length ?? 0) * 2)).fill(0xff);
      if (this.#bits !== undefined) larger.set(this.#bits);
      this.#bits = larger;
    }
    this.#bits[index >> 3] = (this.#bits[index >> 3] as number) & ~(1 << (index & 7));
    this.#nulls += 1;
  }

  finish(): Nulls {
    if (this.#nulls === 0 || this.#bits === undefined) return { nullCount: 0 };
    return { nullCount: this.#nulls, nullBitmap: grownTo(this.#bits, bitmapBytes(this.rows)) };
  }
}

function grownTo(bits: Uint8Array, size: number): Uint8Array {
  if (bits.length >= size) return bits.subarray(0, size);
  const larger = new Uint8Array(size).fill(0xff);
  larger.set(bits);
  return larger;
}
