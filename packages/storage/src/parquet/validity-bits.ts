import { setBits } from "./bits.ts";
import type { Column } from "./column.ts";

/** Which rows of a column are not null, batch after batch: a bit for each from when the first null comes. */
export class ValidityBits {
  rows = 0;
  nulls = 0;
  /** Right where there are nulls; the first row in the lowest bit. */
  bits: Uint8Array = new Uint8Array(1024);

  append({ length, nullCount, isNull }: Column): void {
    const start = this.rows;
    this.rows += length;
    if (nullCount === 0 && this.nulls === 0) return;
    this.#reserve(this.rows);
    const { bits } = this;
    if (this.nulls === 0) setBits(bits, 0, start);
    if (nullCount === 0) return setBits(bits, start, this.rows);
    for (let row = 0; row < length; row++) {
      const at = start + row;
      if (!isNull(row)) bits[at >> 3] = (bits[at >> 3] as number) | (1 << (at & 7));
    }
    this.nulls += nullCount;
  }

  #reserve(rows: number): void {
    const needed = Math.ceil(rows / 8);
    if (needed <= this.bits.length) return;
    const larger = new Uint8Array(Math.max(needed, this.bits.length * 2));
    larger.set(this.bits);
    this.bits = larger;
  }

  /** The next rows begin anew. */
  clear(): void {
    if (this.nulls > 0) this.bits.fill(0);
    this.rows = this.nulls = 0;
  }
}
