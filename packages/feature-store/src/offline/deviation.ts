import { fromUnits } from "./double-units.ts";
import { ExactFloatSum } from "./exact-sum.ts";
import { productError } from "./product-error.ts";

/** Products beyond this are left to whole numbers. */
const greatest = 2 ** 1000;

/** The sum of some numbers and of their squares, both exact. What left leaves nothing behind. */
export class Spread {
  size = 0;
  readonly sum: ExactFloatSum = new ExactFloatSum();
  readonly squares: ExactFloatSum = new ExactFloatSum();
  /** How many squares are no finite number. */
  endless = 0;

  reset(): void {
    this.size = 0;
    this.endless = 0;
    this.sum.reset();
    this.squares.reset();
  }

  /** Brings a number in (`by` 1) or takes it out (-1). */
  move(value: number, by: 1 | -1): void {
    const square = value * value;
    this.size += by;
    if (square - square !== 0) {
      this.endless += by;
      return;
    }
    this.sum.add(by * value);
    this.squares.add(by * square);
    this.squares.add(by * productError(value, value, square));
  }

  /** The same of an integer of 64 bits. */
  moveInteger(value: bigint, by: 1 | -1): void {
    const low = Number(BigInt.asUintN(32, value));
    const high = Number(value - BigInt(low));
    this.size += by;
    this.sum.add(by * low);
    this.sum.add(by * high);
    this.squares.addProduct(by * high, high);
    this.squares.addProduct(2 * by * high, low);
    this.squares.addProduct(by * low, low);
  }

  /** The population standard deviation: the square root of the double nearest to `n * squares - sum * sum`, over `n`. */
  get deviation(): number {
    if (this.endless > 0) return NaN;
    return Math.sqrt(this.#variation()) / this.size;
  }

  #variation(): number {
    const n = this.size;
    const { high: sum, low: sumRest } = this.sum;
    const { high: square, low: squareRest } = this.squares;
    // In twice the precision first. Where that leaves no doubt about the nearest double, which is nearly always, it is it.
    const left = n * square;
    const right = sum * sum;
    if (this.sum.wide || this.squares.wide || !(left + right < greatest)) {
      const units = this.sum.units;
      return Math.max(0, fromUnits(BigInt(n) * (this.squares.units << 1074n) - units * units, 2148));
    }
    const high = left - right;
    const taken = high - left;
    const lost = left - (high - taken) + (-right - taken);
    const low =
      lost + (productError(n, square, left) + n * squareRest - productError(sum, sum, right) - 2 * sum * sumRest);
    const doubt = left * 2 ** -96;
    const nearest = high + (low + doubt);
    if (nearest === high + (low - doubt) && nearest > left * 2 ** -40) return nearest;
    const exact = new ExactFloatSum();
    const sums = this.sum.parts;
    for (const part of this.squares.parts) exact.addProduct(n, part);
    for (const one of sums) for (const other of sums) exact.addProduct(-one, other);
    return Math.max(0, exact.value);
  }
}
