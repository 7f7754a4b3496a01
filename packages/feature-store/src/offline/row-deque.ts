/** Row numbers in ascending order. They mostly come in at the back and go out at the front, which costs little. */
export class RowDeque {
  #rows = new Uint32Array(16);
  #start = 0;
  #end = 0;

  get length(): number {
    return this.#end - this.#start;
  }

  clear(): void {
    this.#start = 0;
    this.#end = 0;
  }

  at(index: number): number {
    return this.#rows[this.#start + index] as number;
  }

  /** How many rows are below `row`: where it belongs. */
  position(row: number): number {
    const { length } = this;
    if (length === 0 || this.at(length - 1) < row) return length;
    let low = 0;
    let high = length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.at(middle) < row) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Puts `row` in the place of those from `from` up to `to`, which may be none. */
  replace(from: number, to: number, row: number): void {
    if (this.#end === this.#rows.length && from === to) this.#makeRoom();
    const rows = this.#rows;
    const at = this.#start + from;
    rows.copyWithin(at + 1, this.#start + to, this.#end);
    rows[at] = row;
    this.#end += 1 - (to - from);
  }

  shift(): void {
    this.#start++;
  }

  #makeRoom(): void {
    const { length } = this;
    const rows = length * 2 > this.#rows.length ? new Uint32Array(this.#rows.length * 2) : this.#rows;
    rows.set(this.#rows.subarray(this.#start, this.#end));
    this.#rows = rows;
    this.#start = 0;
    this.#end = length;
  }
}
