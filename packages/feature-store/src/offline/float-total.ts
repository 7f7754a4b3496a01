import { fromUnits } from "./double-units.ts";
import { ExactFloatSum } from "./exact-sum.ts";

/** An exact sum of doubles. NaN and infinities are counted apart: added in, they would never leave again. */
export class FloatTotal {
  readonly sum: ExactFloatSum = new ExactFloatSum();
  nan = 0;
  positive = 0;
  negative = 0;

  reset(): void {
    this.sum.reset();
    this.nan = 0;
    this.positive = 0;
    this.negative = 0;
  }

  /** Brings a number in (`by` 1) or takes it out (-1). */
  move(value: number, by: 1 | -1): void {
    if (value - value === 0) this.sum.add(by * value);
    else if (Number.isNaN(value)) this.nan += by;
    else if (value > 0) this.positive += by;
    else this.negative += by;
  }

  /** The double nearest to the sum, ties to even. */
  get value(): number {
    if (this.nan > 0 || (this.positive > 0 && this.negative > 0)) return NaN;
    if (this.positive > 0) return Infinity;
    return this.negative > 0 ? -Infinity : this.sum.value;
  }

  /** Of so many numbers, one or more: finite where all of them are, though their sum may be no double. */
  mean(size: number): number {
    const sum = this.value;
    const isWide = !Number.isFinite(sum) && this.nan + this.positive + this.negative === 0;
    return isWide ? fromUnits(this.sum.units / BigInt(size)) : sum / size;
  }
}
