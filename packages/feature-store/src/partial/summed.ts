import { Spread } from "../offline/deviation.ts";
import { FloatTotal } from "../offline/float-total.ts";
import { bufferOf } from "../push/cells.ts";
import type { EventCell } from "../push/instant.ts";
import { numberBytes, numbersOf } from "./counted.ts";
import type { PartialResult } from "./partial-result.ts";
import { mergeSum, sumBytes } from "./sum-bytes.ts";

/** The sum of numbers, exactly: for `sum` and `mean`. */
export class Summed implements PartialResult {
  size = 0;
  readonly total: FloatTotal = new FloatTotal();

  add(cell: EventCell): void {
    if (cell === null) return;
    this.size++;
    if (typeof cell === "bigint") this.total.sum.addInteger(cell);
    else this.total.move(Number(cell), 1);
  }
  merge(bytes: Uint8Array): void {
    const [size = 0, nan = 0, positive = 0, negative = 0] = numbersOf(bytes, 4);
    this.size += size;
    this.total.nan += nan;
    this.total.positive += positive;
    this.total.negative += negative;
    mergeSum(this.total.sum, bufferOf(bytes), 32);
  }
  toBytes(): Uint8Array {
    const { sum, nan, positive, negative } = this.total;
    return Buffer.concat([numberBytes([this.size, nan, positive, negative]), sumBytes(sum)]);
  }
}

/** The sum of numbers and of their squares, exactly: for `stddev`. */
export class Squared implements PartialResult {
  readonly spread: Spread = new Spread();

  add(cell: EventCell): void {
    if (cell === null) return;
    if (typeof cell === "bigint") this.spread.moveInteger(cell, 1);
    else this.spread.move(Number(cell), 1);
  }
  merge(bytes: Uint8Array): void {
    const [size = 0, endless = 0] = numbersOf(bytes, 2);
    const buffer = bufferOf(bytes);
    this.spread.size += size;
    this.spread.endless += endless;
    mergeSum(this.spread.squares, buffer, mergeSum(this.spread.sum, buffer, 16));
  }
  toBytes(): Uint8Array {
    const { size, endless, sum, squares } = this.spread;
    return Buffer.concat([numberBytes([size, endless]), sumBytes(sum), sumBytes(squares)]);
  }
}
